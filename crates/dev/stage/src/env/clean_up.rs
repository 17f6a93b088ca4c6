//! Cleaning up from a destructor.

use std::time::Duration;

use crate::error::{Result, machine};

/// Runs in a thread of its own, because the caller's runtime may be busy.
pub(crate) fn clean_up(remove: impl Future<Output = Result<()>> + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(machine("clean up after a test"))?;
        let limit = Duration::from_secs(60);
        runtime.block_on(async { tokio::time::timeout(limit, remove).await.unwrap_or(Ok(())) })
    });
    // Nobody is left to report to, and the servers may be gone on purpose.
    drop(thread.join());
}
