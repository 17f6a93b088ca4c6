//! Shows that this process is alive, and whether it is ready: renews its lease, and holds its lock.

use std::time::Duration;

use ballet_store::database::connection::is_lock_timeout;
use ballet_store::database::hosts::Hosts;
use ballet_store::process::{connect, renew, try_lock};
use sqlx::{Connection, PgConnection};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::engine::stopping::stopped;

const BEAT: Duration = Duration::from_secs(2);
/// Without an answer for this long, the connection counts as lost. There is still time to open
/// another one before the lease runs out.
const PATIENCE: Duration = Duration::from_secs(6);

pub(crate) type WhyUnready = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// Keeps lease and lock until the process stops, and opens another session after every loss, once the database
/// `answers`.
pub(crate) async fn keep(
    session: PgConnection,
    hosts: Hosts,
    (process, version): (i64, Option<String>),
    why_unready: WhyUnready,
    answers: watch::Receiver<bool>,
    mut stopping: watch::Receiver<bool>,
) {
    let (mut session, mut has_lock) = (Some(session), true);
    let mut at = hosts.current();
    loop {
        tokio::select! {
            () = sleep(BEAT) => {}
            () = stopped(&mut stopping) => return close(session).await,
        }
        if at != hosts.current() {
            // Another server takes writes now.
            at = hosts.current();
            session = None;
        }
        if session.is_none() && !*answers.borrow() {
            continue;
        }
        let says = (process, version.as_deref(), why_unready());
        let beat = timeout(PATIENCE, beat(&mut session, &mut has_lock, &hosts, says));
        let done = tokio::select! {
            done = beat => done,
            () = stopped(&mut stopping) => return,
        };
        let lost = match done {
            Ok(Ok(())) => continue,
            // The session works, and its lock still shows that the process is alive.
            Ok(Err(error)) if is_lock_timeout(&error) => {
                tracing::debug!("the process cannot renew its lease yet: {error}");
                continue;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {PATIENCE:?}"),
        };
        if session.take().is_some() {
            tracing::debug!("the process's session is lost; reopening it: {lost}");
        } else {
            tracing::debug!("the process's session cannot be opened yet: {lost}");
        }
    }
}

async fn close(session: Option<PgConnection>) {
    if let Some(session) = session
        && let Err(error) = session.close().await
    {
        tracing::debug!("the process's session did not close cleanly: {error}");
    }
}

/// Renews the lease, then takes the lock if this session does not hold it. The server may keep a
/// lost session and its lock for some time, in which the lease alone shows that the process is
/// alive.
async fn beat(
    session: &mut Option<PgConnection>,
    has_lock: &mut bool,
    hosts: &Hosts,
    (process, version, unready): (i64, Option<&str>, Option<String>),
) -> Result<(), sqlx::Error> {
    let session = match session {
        Some(session) => session,
        None => {
            *has_lock = false;
            session.insert(connect(hosts).await?)
        }
    };
    renew(session, process, version, unready.as_deref()).await?;
    if !*has_lock {
        *has_lock = try_lock(session, process).await?;
    }
    Ok(())
}
