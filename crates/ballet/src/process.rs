//! A process's number and the session that says that it lives.
//!
//! While the process lives it holds a session advisory lock on its number. When the session is
//! gone, others may sweep what it left; if it only lost its session, that makes copies with the
//! same ids, which receivers drop.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::engine::in_time;

/// The class of these locks among advisory locks with two keys ("blt" in ASCII).
const CLASS: i32 = 0x62_6c_74;
const BEAT: Duration = Duration::from_secs(2);
/// Without an answer for so long, the connection counts as lost.
const PATIENCE: Duration = Duration::from_secs(10);

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

/// Keeps the lock, through every loss of the session, until the process stops.
pub(crate) async fn keep(
    mut session: PgConnection,
    options: PgConnectOptions,
    owner: i64,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            () = crate::engine::stopped(&mut stopping) => {
                if let Err(error) = session.close().await {
                    tracing::debug!("the process's session did not close in good order: {error}");
                }
                return;
            }
        }
        let lost = match timeout(PATIENCE, session.ping()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {PATIENCE:?}")),
        };
        if let Some(error) = lost {
            tracing::warn!("the process's session is lost, and is opened again: {error}");
            tokio::select! {
                again = hold_again(&options, owner) => session = again,
                () = crate::engine::stopped(&mut stopping) => return,
            }
        }
    }
}

async fn hold_again(options: &PgConnectOptions, owner: i64) -> PgConnection {
    loop {
        match hold(options, owner).await {
            Ok(session) => return session,
            Err(error) => {
                tracing::debug!("the process's session does not open yet: {error}");
                tokio::time::sleep(BEAT).await;
            }
        }
    }
}
