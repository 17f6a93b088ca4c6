//! Follows the server that takes writes, when a URL names several.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ballet_store::database::hosts::Hosts;
use tokio::sync::watch;

use crate::engine::database::Database;
use crate::engine::stopping::stopped;

const EVERY: Duration = Duration::from_secs(2);
/// How long a connection to the last server may have been opening during the switch.
const OPENING: Duration = Duration::from_secs(15);

/// Looks for another server again and again. When there is one, the pools connect to it, and lanes
/// that wait for the last one go on at once.
pub(crate) async fn follow(
    hosts: Hosts,
    database: Arc<Database>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut renew_at: Option<Instant> = None;
    loop {
        if renew_at.is_some_and(|at| at <= Instant::now()) {
            renew_at = None;
            database.renewal.renew();
        }
        if hosts.look().await {
            let to = hosts.options();
            tracing::warn!(
                host = to.get_host(),
                port = to.get_port(),
                "another server of the database takes writes now; going on there"
            );
            database.replace_server();
            renew_at = Some(Instant::now() + OPENING);
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stopped(&mut stopping) => return,
        }
    }
}
