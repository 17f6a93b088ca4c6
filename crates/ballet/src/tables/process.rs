//! The number of a process, and its signs of life: a lock and a lease.
//!
//! While a process is alive, it has a session that holds an advisory lock on its number. When the
//! session is gone, the process counts as gone at once. A frozen process keeps its session, so it
//! also has to renew its lease, by the database's clock. Others may sweep the events of a process
//! that is gone. If it lives after all, the sweep makes copies with the same ids, which receivers
//! drop.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

use crate::tables::database::in_time;

/// The first key of these two-key advisory locks ("blt" in ASCII).
const CLASS: i32 = 0x62_6c_74;
/// How long a process counts as alive without a renewal. Renewals are every two seconds, and a lost
/// session is open again sooner than this.
const LEASE: &str = "15 seconds";

fn lock_key(process: i64) -> i32 {
    // Numbers come from a sequence. Two processes whose numbers differ by 2^32 are never alive at
    // the same time.
    i32::from_ne_bytes(u32::try_from(process & 0xffff_ffff).unwrap_or_default().to_ne_bytes())
}

/// Draws a process number.
pub(crate) async fn draw(db: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let (number,): (i64,) =
        in_time(sqlx::query_as("select nextval('ballet.process')").fetch_one(db)).await?;
    Ok(number)
}

/// Opens a session that holds the lock on a number, and begins a lease.
pub(crate) async fn hold(
    options: &PgConnectOptions,
    process: i64,
) -> Result<PgConnection, sqlx::Error> {
    let mut session = in_time(options.connect()).await?;
    let lock = sqlx::query("select pg_advisory_lock($1, $2)").bind(CLASS).bind(lock_key(process));
    in_time(lock.execute(&mut session)).await?;
    in_time(renew(&mut session, process)).await?;
    Ok(session)
}

/// Renews the lease of a process.
pub(crate) async fn renew(session: &mut PgConnection, process: i64) -> Result<(), sqlx::Error> {
    let renew = "insert into ballet.process_lease (process, lease_until) \
                 values ($1, ballet.now() + $2::interval) \
                 on conflict (process) do update set lease_until = excluded.lease_until";
    sqlx::query(renew).bind(process).bind(LEASE).execute(session).await.map(drop)
}

/// Returns true if the process with this number is gone. Call it outside of a transaction: the
/// probing lock then ends with the statement, and none is left on a pooled connection.
pub(crate) async fn is_gone(db: &mut PgConnection, process: i64) -> Result<bool, sqlx::Error> {
    // A process of a release before has no lease, only the lock.
    let statement = "select pg_try_advisory_xact_lock($1, $2) or exists (select \
                     from ballet.process_lease where process = $3 and lease_until < ballet.now())";
    let (gone,): (bool,) = sqlx::query_as(statement)
        .bind(CLASS)
        .bind(lock_key(process))
        .bind(process)
        .fetch_one(db)
        .await?;
    Ok(gone)
}

/// Ends the leases of other processes whose lock is free, and returns these processes. The row of a
/// frozen process stays: without it, the process would count as alive by its lock.
pub(crate) async fn end_leases(db: &mut PgConnection, own: i64) -> Result<Vec<i64>, sqlx::Error> {
    let others = "select process from ballet.process_lease where process <> $1";
    let others: Vec<i64> = sqlx::query_scalar(others).bind(own).fetch_all(&mut *db).await?;
    if others.is_empty() {
        return Ok(others);
    }
    let end = "delete from ballet.process_lease l using unnest($2::bigint[], $3::int[]) \
               as other (process, lock_key) where l.process = other.process \
               and pg_try_advisory_xact_lock($1, other.lock_key) returning l.process";
    let keys: Vec<i32> = others.iter().map(|process| lock_key(*process)).collect();
    sqlx::query_scalar(end).bind(CLASS).bind(&others).bind(keys).fetch_all(db).await
}
