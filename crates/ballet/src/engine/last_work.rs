//! When a handler last ended, or a batch was last committed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The time of the last work. To note it costs as much as to look at the clock.
#[derive(Debug)]
pub(crate) struct LastWork {
    start: Instant,
    /// Milliseconds from the start to the last work.
    at: AtomicU64,
}

impl LastWork {
    /// The start counts as work.
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), at: AtomicU64::new(0) }
    }

    /// Work is done now.
    pub(crate) fn note(&self) {
        let at = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.at.store(at, Ordering::Relaxed);
    }

    /// How long ago the last work was.
    pub(crate) fn ago(&self) -> Duration {
        let at = Duration::from_millis(self.at.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(at)
    }
}
