//! Cleaning up from a destructor.

use std::sync::mpsc;
use std::time::Duration;

use crate::error::{Result, machine};

/// The longest time that the caller waits.
const WAIT: Duration = Duration::from_secs(2);

/// Runs in a thread of its own, because the caller's runtime may be busy. Postgres removes no database while a session
/// logs in anywhere on the server. That session may be of the caller's thread, so the caller goes on after a while.
pub(crate) fn clean_up(remove: impl Future<Output = Result<()>> + Send + 'static) {
    let (working, ended) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        let _working = working;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(machine("clean up after a test"))?;
        let limit = Duration::from_secs(60);
        runtime.block_on(async { tokio::time::timeout(limit, remove).await.unwrap_or(Ok(())) })
    });
    // Nobody is left to report to, and the servers may be gone on purpose.
    ended.recv_timeout(WAIT).ok();
}
