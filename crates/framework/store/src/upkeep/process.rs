//! The number of a process, and its signs of life: a lock and a lease.
//!
//! A live process has a session with an advisory lock on its number, and is gone with the session.
//! A frozen process keeps its session, so it also has to renew its lease, by the database's clock.
//! Others may sweep the events of a process that is gone. If it lives after all, receivers drop the
//! copies, which have the same ids.

use std::fmt;

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::database::connection::{KEEPALIVES, in_time, is_lock_timeout, set};
use crate::database::hosts::Hosts;
use crate::outbox::tables as outbox_tables;
use crate::outbox::tables::OutboxTable;

/// The first key of these two-key advisory locks ("blt" in ASCII).
const CLASS: i32 = 0x62_6c_74;
/// How long a process counts as alive without a renewal. Renewals come every two seconds, and a
/// lost session is open again sooner than this.
const LEASE: &str = "15 seconds";

fn lock_key(process: i64) -> i32 {
    // Numbers come from a sequence. Two processes whose numbers differ by 2^32 are never alive at
    // the same time.
    i32::from_ne_bytes(u32::try_from(process & 0xffff_ffff).unwrap_or_default().to_ne_bytes())
}

/// Draws a process number. The session holds its lock from now on, and has begun its lease.
pub async fn begin(mut session: PgConnection) -> Result<(i64, PgConnection), sqlx::Error> {
    loop {
        let draw = sqlx::query_scalar("select nextval('ballet.process')").fetch_one(&mut session);
        let process = in_time(draw).await?;
        // In a database that was restored, or copied without its sequences, a process of this
        // number may be alive, or may have left events behind.
        if in_time(try_lock(&mut session, process)).await? {
            if !is_known(&mut session, process).await? {
                in_time(renew(&mut session, process, None, Some(STARTS))).await?;
                return Ok((process, session));
            }
            let free = sqlx::query("select pg_advisory_unlock($1, $2)");
            let free = free.bind(CLASS).bind(lock_key(process));
            in_time(free.execute(&mut session)).await?;
        }
    }
}

/// Returns true if a process of this number has left something behind: a lease, a table, or events in a table of
/// another. It would be taken for ours.
async fn is_known(session: &mut PgConnection, process: i64) -> Result<bool, sqlx::Error> {
    let known = "select exists (select from ballet.process_lease where process = $1) \
                 or exists (select from ballet.outbox_table where owner = $1)";
    let known = sqlx::query_scalar(known).bind(process).fetch_one(&mut *session);
    if in_time(known).await? {
        return Ok(true);
    }
    for OutboxTable { number: table, .. } in in_time(outbox_tables::list(session)).await? {
        match in_time(outbox_tables::writer(session, table)).await {
            Ok(writer) if writer == Some(process) => return Ok(true),
            Ok(_) => {}
            // Do not wait for the holder of a table. It is hardly ours, since numbers are drawn
            // twice only after a restore.
            Err(error) if is_lock_timeout(&error) => {
                tracing::warn!(table, "whose rows an outbox table holds is not known: {error}");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Opens a session for lock and lease.
pub async fn connect(hosts: &Hosts) -> Result<PgConnection, sqlx::Error> {
    in_time(async {
        let mut session = hosts.connect().await?;
        set(&mut session, &KEEPALIVES).await?;
        Ok(session)
    })
    .await
}

/// Takes the lock on a number, if it is free. It ends with the session.
pub async fn try_lock(session: &mut PgConnection, process: i64) -> Result<bool, sqlx::Error> {
    let lock = sqlx::query_scalar("select pg_try_advisory_lock($1, $2)");
    lock.bind(CLASS).bind(lock_key(process)).fetch_one(session).await
}

/// Returns true if no session holds the lock on a number. Call it outside of a transaction, so that
/// the probing lock ends with the statement.
pub async fn lock_is_free(db: &mut PgConnection, process: i64) -> Result<bool, sqlx::Error> {
    let probe = sqlx::query_scalar("select pg_try_advisory_xact_lock($1, $2)");
    probe.bind(CLASS).bind(lock_key(process)).fetch_one(db).await
}

/// Returns true if two sessions are with one server. One that was started again is another.
pub async fn are_on_one_server(
    one: &mut PgConnection,
    other: &mut PgConnection,
) -> Result<bool, sqlx::Error> {
    let started = "select (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint";
    let one: i64 = in_time(sqlx::query_scalar(started).fetch_one(one)).await?;
    let other: i64 = in_time(sqlx::query_scalar(started).fetch_one(other)).await?;
    Ok(one == other)
}

/// Renews the lease of a process, with its version, and the reason if it is not ready.
pub async fn renew(
    session: &mut PgConnection,
    process: i64,
    version: Option<&str>,
    unready: Option<&str>,
) -> Result<(), sqlx::Error> {
    let renew = "insert into ballet.process_lease (process, lease_until, version, unready) \
                 values ($1, ballet.now() + $2::interval, $3, $4) on conflict (process) do update \
                 set lease_until = excluded.lease_until, version = excluded.version, \
                 unready = excluded.unready";
    let renew = sqlx::query(renew).bind(process).bind(LEASE).bind(version).bind(unready);
    renew.execute(session).await.map(drop)
}

/// Returns true if the process with this number is gone. Call it outside of a transaction, as
/// [`lock_is_free`].
pub async fn is_gone(db: &mut PgConnection, process: i64) -> Result<bool, sqlx::Error> {
    // Between its lock and its first lease a process is alive.
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

/// Whether a process of a service is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// At least one process is alive.
    Yes,
    /// None is. One still has its session, and has given no sign of life since then.
    Frozen(Timestamp),
    /// None is. The last lease ended then, if there was one.
    No(Option<Timestamp>),
}

impl Liveness {
    /// Says that no process of a service is alive, if that is so.
    #[must_use]
    pub fn silence(self, service: &str) -> Option<String> {
        match self {
            Self::Yes => None,
            Self::Frozen(since) => {
                Some(format!("{service} gives no sign of life since {since:.0}: {FROZEN}"))
            }
            Self::No(Some(since)) => {
                Some(format!("no process of {service} is alive since {since:.0}"))
            }
            Self::No(None) => Some(format!("no process of {service} is running")),
        }
    }
}

const FROZEN: &str = "it is frozen, or waits for a lock in its database";

/// Whether the process of a lease has its session, where `$1` is the class of the locks. A killed
/// process leaves a lease and no lock; a frozen one a lock and an old lease.
const HAS_SESSION: &str = "exists (select from pg_locks where locktype = 'advisory' \
    and classid::bigint = $1 and objsubid = 2 and granted \
    and objid::bigint = process & 4294967295 and database = \
    (select oid from pg_database where datname = current_database()))";
/// Whether a lease has not ended.
const IN_LEASE: &str = "lease_until >= ballet.now()";

/// How many processes of a version of a service are alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replicas {
    /// The version, if its processes report one.
    pub version: Option<String>,
    /// The processes.
    pub count: u64,
}

/// Returns the processes that are alive, by version, for those who look from outside. Those of a release that says no
/// version have none.
pub async fn replicas(db: &mut PgConnection) -> Result<Vec<Replicas>, sqlx::Error> {
    let statement = format!(
        "select version, count(*) from ballet.process_lease \
         where {IN_LEASE} and {HAS_SESSION} group by 1 order by 1"
    );
    let rows: Vec<(Option<String>, i64)> =
        sqlx::query_as(AssertSqlSafe(statement)).bind(i64::from(CLASS)).fetch_all(db).await?;
    let replicas = |(version, count): (_, i64)| Replicas { version, count: count.unsigned_abs() };
    Ok(rows.into_iter().map(replicas).collect())
}

/// Returns whether a process is alive, for those who look from outside.
pub async fn alive(db: &mut PgConnection) -> Result<Liveness, sqlx::Error> {
    let statement = format!(
        "select coalesce(bool_or({IN_LEASE} and {HAS_SESSION}), false), \
         coalesce(bool_or({HAS_SESSION}), false), least(max(lease_until), ballet.now()) \
         from ballet.process_lease"
    );
    let (is_alive, has_session, ended): (bool, bool, Option<jiff_sqlx::Timestamp>) =
        sqlx::query_as(AssertSqlSafe(statement)).bind(i64::from(CLASS)).fetch_one(db).await?;
    let ended = ended.map(jiff_sqlx::Timestamp::to_jiff);
    Ok(match (is_alive, has_session, ended) {
        (true, ..) => Liveness::Yes,
        (false, true, Some(ended)) => Liveness::Frozen(ended),
        (false, _, ended) => Liveness::No(ended),
    })
}

/// A process that is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadyProcess {
    /// The process.
    pub process: i64,
    /// The reason.
    pub why: WhyUnready,
}

/// What a process writes when it begins, until it has looked at itself for the first time.
const STARTS: &str = "it starts";

/// Why a process is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyUnready {
    /// It has just begun.
    Starts,
    /// It says so.
    Told(String),
    /// Its lease has run out while its session lives.
    Frozen,
}

impl fmt::Display for WhyUnready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starts => f.write_str(STARTS),
            Self::Told(why) => f.write_str(why),
            Self::Frozen => write!(f, "it gives no sign of life: {FROZEN}"),
        }
    }
}

/// Returns the processes that are not ready, for those who look from outside.
pub async fn unready(db: &mut PgConnection) -> Result<Vec<UnreadyProcess>, sqlx::Error> {
    let statement = format!(
        "select process, unready, {IN_LEASE} from ballet.process_lease \
         where {HAS_SESSION} and (unready is not null or not {IN_LEASE})"
    );
    let rows: Vec<(i64, Option<String>, bool)> =
        sqlx::query_as(AssertSqlSafe(statement)).bind(i64::from(CLASS)).fetch_all(db).await?;
    let unready = |(process, told, in_lease): (_, Option<String>, _)| UnreadyProcess {
        process,
        why: match told.filter(|_| in_lease) {
            Some(why) if why == STARTS => WhyUnready::Starts,
            Some(why) => WhyUnready::Told(why),
            None => WhyUnready::Frozen,
        },
    };
    Ok(rows.into_iter().map(unready).collect())
}

/// Ends the leases of other processes whose lock is free, and returns these processes. The row of a
/// frozen process stays, since without it the process would count as alive by its lock.
pub async fn end_leases(db: &mut PgConnection, own: i64) -> Result<Vec<i64>, sqlx::Error> {
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
