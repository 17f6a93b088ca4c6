//! Work that goes on after its client, and that a stop waits for.

use std::sync::Arc;

use tokio::sync::watch;

#[derive(Debug, Clone)]
pub(crate) struct InFlight(Arc<watch::Sender<usize>>);

#[derive(Debug)]
pub(crate) struct WorkGuard(Arc<watch::Sender<usize>>);

impl InFlight {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    pub(crate) fn begin(&self) -> WorkGuard {
        self.0.send_modify(|count| *count += 1);
        WorkGuard(Arc::clone(&self.0))
    }

    /// Returns when nothing is in progress.
    pub(crate) async fn none(&self) {
        let mut count = self.0.subscribe();
        drop(count.wait_for(|count| *count == 0).await);
    }
}

impl Drop for WorkGuard {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}
