//! A process's source of time and new ids, so a run can be repeated.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use uuid::Uuid;

/// The clock and the id source of one process.
#[derive(Clone)]
pub struct Clock {
    time: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ids: Arc<Ids>,
    stands_still: bool,
}

struct Ids {
    seed: u64,
    drawn: AtomicU64,
    /// Counted separately, so traces do not change other ids.
    spans: AtomicU64,
}

impl Clock {
    /// Returns the system clock, with ids that are unique across processes.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        clippy::cast_possible_truncation,
        reason = "the only source of time and randomness; half of a fresh id is random enough"
    )]
    pub fn system() -> Self {
        Self::new(Timestamp::now, Uuid::now_v7().as_u128() as u64)
    }

    /// Creates a clock from a time source and a seed for its ids. A service that runs with it takes
    /// only the ids from it, and goes by the time of its database.
    #[must_use]
    pub fn new(time: impl Fn() -> Timestamp + Send + Sync + 'static, seed: u64) -> Self {
        let ids = Ids { seed, drawn: AtomicU64::new(0), spans: AtomicU64::new(0) };
        Self { time: Arc::new(time), ids: Arc::new(ids), stands_still: false }
    }

    /// Creates a clock that stands still, for repeatable runs. A service that runs with it goes by
    /// this time, and not by that of its database.
    #[must_use]
    pub fn standing(at: Timestamp, seed: u64) -> Self {
        Self::moved(move || at, seed)
    }

    /// Creates a clock that stands still until its time source moves it. The time of the database has to be the same.
    #[must_use]
    pub fn moved(time: impl Fn() -> Timestamp + Send + Sync + 'static, seed: u64) -> Self {
        Self { stands_still: true, ..Self::new(time, seed) }
    }

    /// Returns a clock that tells another time, with ids from the same source.
    pub(crate) fn with_time(&self, time: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { time: Arc::new(time), ids: Arc::clone(&self.ids), stands_still: false }
    }

    pub(crate) const fn stands_still(&self) -> bool {
        self.stands_still
    }

    /// Returns the current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.time)()
    }

    /// Returns a new UUIDv7 with the given time. Ids of one process and millisecond sort in the
    /// order of creation, up to 4,096 of them.
    #[must_use]
    pub fn new_id(&self, now: Timestamp) -> Uuid {
        let drawn = self.ids.drawn.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 10];
        random[..2].copy_from_slice(&u16::to_be_bytes((drawn & 0xfff) as u16));
        random[2..].copy_from_slice(&scramble(self.ids.seed, drawn).to_be_bytes());
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// Returns a new id for a span. Never zero, which is invalid.
    pub(crate) fn new_span_id(&self) -> u64 {
        let drawn = self.ids.spans.fetch_add(1, Ordering::Relaxed);
        scramble(!self.ids.seed, drawn).max(1)
    }
}

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
fn scramble(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_in_the_order_in_which_they_were_drawn_and_repeat_by_seed() {
        let draw = |seed| {
            let clock = Clock::new(|| Timestamp::UNIX_EPOCH, seed);
            let now = Timestamp::from_second(1_700_000_000).expect("in range");
            (0..1000).map(|_| clock.new_id(now)).collect::<Vec<_>>()
        };
        let ids = draw(7);
        assert!(ids.is_sorted());
        assert_eq!(ids, draw(7));
        assert_ne!(ids[0], draw(8)[0]);
        assert_eq!(ids[0].get_version_num(), 7);
        let time = ballet_core::id::time_of(ids[0]).expect("a time");
        assert_eq!(time.as_second(), 1_700_000_000);
    }
}
