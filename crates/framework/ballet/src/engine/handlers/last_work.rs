//! When a handler last ended, or a batch was last committed, and how new its messages were. And how many events a
//! message bore lately.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
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
    /// The average number of events in a delivered message, as the bits of an `f32`.
    members: AtomicU32,
}

/// The weight of a delivered message in the average.
const WEIGHT: f32 = 1.0 / 64.0;

impl LastWork {
    /// The start counts as work.
    pub(crate) fn new() -> Self {
        let (at, newest) = (AtomicU64::new(0), AtomicI64::new(0));
        Self { start: Instant::now(), at, newest, members: AtomicU32::new(1_f32.to_bits()) }
    }

    pub(crate) fn note(&self) {
        let at = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.at.store(at, Ordering::Relaxed);
    }

    pub(crate) fn ago(&self) -> Duration {
        let at = Duration::from_millis(self.at.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(at)
    }

    /// Deliveries come one after the other.
    #[expect(clippy::cast_precision_loss, reason = "packs are small")]
    pub(crate) fn came(&self, members: usize) {
        let average = self.members_on_average();
        let average = average + (members as f32 - average) * WEIGHT;
        self.members.store(average.to_bits(), Ordering::Relaxed);
    }

    pub(crate) fn members_on_average(&self) -> f32 {
        f32::from_bits(self.members.load(Ordering::Relaxed))
    }

    pub(crate) fn handled(&self, newest: Timestamp) {
        self.newest.fetch_max(newest.as_millisecond(), Ordering::Relaxed);
    }

    pub(crate) fn newest(&self) -> Option<Timestamp> {
        let newest = self.newest.load(Ordering::Relaxed);
        Timestamp::from_millisecond(newest).ok().filter(|_| newest > 0)
    }
}
