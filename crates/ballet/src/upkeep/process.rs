//! Shows that this process is alive: holds its lock, and renews its lease.

use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::engine::stopping::stopped;
use crate::tables::hosts::Hosts;
use crate::tables::process::{hold, renew};

const BEAT: Duration = Duration::from_secs(2);
/// Without an answer for this long, the connection counts as lost. There is still time then to open
/// another one before the lease runs out.
const PATIENCE: Duration = Duration::from_secs(6);

/// Keeps lock and lease until the process stops. Reopens the session after every loss.
pub(crate) async fn keep(
    mut session: PgConnection,
    hosts: Hosts,
    process: i64,
    mut stopping: watch::Receiver<bool>,
) {
    let mut at = hosts.current();
    loop {
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            () = stopped(&mut stopping) => {
                if let Err(error) = session.close().await {
                    tracing::debug!("the process's session did not close cleanly: {error}");
                }
                return;
            }
        }
        let lost = match timeout(PATIENCE, renew(&mut session, process)).await {
            Ok(Ok(())) if at != hosts.current() => Some("another server takes writes".to_owned()),
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {PATIENCE:?}")),
        };
        if let Some(error) = lost {
            tracing::warn!("the process's session is lost; reopening it: {error}");
            tokio::select! {
                (again, host) = hold_again(&hosts, process) => (session, at) = (again, host),
                () = stopped(&mut stopping) => return,
            }
        }
    }
}

async fn hold_again(hosts: &Hosts, process: i64) -> (PgConnection, usize) {
    loop {
        let at = hosts.current();
        let failure = match timeout(PATIENCE, hold(&hosts.options(), process)).await {
            Ok(Ok(session)) => return (session, at),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {PATIENCE:?}"),
        };
        tracing::debug!("the process's session cannot be opened yet: {failure}");
        tokio::time::sleep(BEAT).await;
    }
}
