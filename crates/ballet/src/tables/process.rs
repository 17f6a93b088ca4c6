//! The number of a process, and the lock that shows that it is alive.
//!
//! While a process is alive, it has a session that holds an advisory lock on its number. When the
//! session is gone, others may sweep the events that it left behind. If the process only lost its
//! session, the sweep makes copies with the same ids, which receivers drop.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

use crate::tables::database::in_time;

/// The first key of these two-key advisory locks ("blt" in ASCII).
const CLASS: i32 = 0x62_6c_74;

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

/// Opens a session that holds the lock on a number.
pub(crate) async fn hold(
    options: &PgConnectOptions,
    process: i64,
) -> Result<PgConnection, sqlx::Error> {
    let mut session = in_time(options.connect()).await?;
    let lock = sqlx::query("select pg_advisory_lock($1, $2)").bind(CLASS).bind(lock_key(process));
    in_time(lock.execute(&mut session)).await?;
    Ok(session)
}

/// Returns true if the process with this number is gone. Call it outside of a transaction: the
/// probing lock then ends with the statement, and none is left on a pooled connection.
pub(crate) async fn is_gone(db: &mut PgConnection, process: i64) -> Result<bool, sqlx::Error> {
    let (gone,): (bool,) = sqlx::query_as("select pg_try_advisory_xact_lock($1, $2)")
        .bind(CLASS)
        .bind(lock_key(process))
        .fetch_one(db)
        .await?;
    Ok(gone)
}
