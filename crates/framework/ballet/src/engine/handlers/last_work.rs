//! When a handler last ended, or a batch was last committed, and how new its messages were.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// To note it costs as much as to look at the clock.
#[derive(Debug)]
pub(crate) struct LastWork {
    start: Instant,
    /// Milliseconds from the start to the last work.
    at: AtomicU64,
    /// The time in the id of the newest message that was handled, in milliseconds since 1970.
    newest: AtomicI64,
}

impl LastWork {
    /// The start counts as work.
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), at: AtomicU64::new(0), newest: AtomicI64::new(0) }
    }

    pub(crate) fn note(&self) {
        let at = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.at.store(at, Ordering::Relaxed);
    }

    pub(crate) fn ago(&self) -> Duration {
        let at = Duration::from_millis(self.at.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(at)
    }

    pub(crate) fn handled(&self, newest: Timestamp) {
        self.newest.fetch_max(newest.as_millisecond(), Ordering::Relaxed);
    }

    pub(crate) fn newest(&self) -> Option<Timestamp> {
        let newest = self.newest.load(Ordering::Relaxed);
        Timestamp::from_millisecond(newest).ok().filter(|_| newest > 0)
    }
}
