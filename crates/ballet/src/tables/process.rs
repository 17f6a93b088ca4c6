//! A process's number, and the lock that says that it lives.
//!
//! While a process lives, a session of its own holds an advisory lock on its number. When the
//! session is gone, others may sweep what it left. If the process only lost its session, that makes
//! copies with the same ids, which receivers drop.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

use crate::tables::database::in_time;

/// The class of these locks among advisory locks with two keys ("blt" in ASCII).
const CLASS: i32 = 0x62_6c_74;

fn lock_key(owner: i64) -> i32 {
    // Numbers come from a sequence; two that differ by 2^32 do not live at the same time.
    i32::from_ne_bytes(u32::try_from(owner & 0xffff_ffff).unwrap_or_default().to_ne_bytes())
}

/// Draws a number.
pub(crate) async fn draw(db: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let (number,): (i64,) =
        in_time(sqlx::query_as("select nextval('ballet.process')").fetch_one(db)).await?;
    Ok(number)
}

/// A session that holds the lock on a number.
pub(crate) async fn hold(
    options: &PgConnectOptions,
    owner: i64,
) -> Result<PgConnection, sqlx::Error> {
    let mut session = in_time(options.connect()).await?;
    let lock = sqlx::query("select pg_advisory_lock($1, $2)").bind(CLASS).bind(lock_key(owner));
    in_time(lock.execute(&mut session)).await?;
    Ok(session)
}

/// Whether the process with this number is gone. To be asked outside of a transaction: the lock
/// that tells goes with the statement, so that none is left behind on a pooled connection.
pub(crate) async fn is_gone(db: &mut PgConnection, owner: i64) -> Result<bool, sqlx::Error> {
    let (gone,): (bool,) = sqlx::query_as("select pg_try_advisory_xact_lock($1, $2)")
        .bind(CLASS)
        .bind(lock_key(owner))
        .fetch_one(db)
        .await?;
    Ok(gone)
}
