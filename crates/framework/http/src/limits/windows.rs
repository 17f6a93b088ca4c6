//! Counts in windows of time. A window begins with the first count of its key.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// From this many keys on, those whose window is over are forgotten now and then.
const MANY: usize = 10_000;

#[derive(Debug)]
struct Window {
    used: u32,
    ends: Instant,
}

/// The windows, and the number of them at which old ones are swept out.
#[derive(Debug)]
struct Windows<K> {
    all: HashMap<K, Window>,
    sweep_at: usize,
}

/// The counts of all keys in their windows.
#[derive(Debug)]
pub struct WindowedCounts<K>(Mutex<Windows<K>>);

/// Whether something was counted, and the rest of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowCount {
    /// Whether it was counted. Otherwise the key had reached its limit before.
    pub allowed: bool,
    /// How many more are allowed in the window.
    pub left: u32,
    /// The time until the window ends.
    pub reset: Duration,
}

impl<K> Default for WindowedCounts<K> {
    fn default() -> Self {
        Self(Mutex::new(Windows { all: HashMap::new(), sweep_at: MANY }))
    }
}

impl<K: Eq + Hash> WindowedCounts<K> {
    /// Counts one more of a key, of at most `most` in a window of this length.
    pub fn take(&self, key: K, most: u32, length: Duration) -> WindowCount {
        let now = Instant::now();
        let mut windows = self.windows();
        windows.sweep(now);
        let window = windows.all.entry(key).or_insert(Window { used: 0, ends: now });
        if window.ends <= now {
            *window = Window { used: 0, ends: now + length };
        }
        let allowed = window.used < most;
        window.used += u32::from(allowed);
        let left = most.saturating_sub(window.used);
        WindowCount { allowed, left, reset: window.ends.saturating_duration_since(now) }
    }

    /// Forgets what was counted of a key.
    pub fn forget(&self, key: &K) {
        self.windows().all.remove(key);
    }

    fn windows(&self) -> MutexGuard<'_, Windows<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Windows<K> {
    fn sweep(&mut self, now: Instant) {
        if self.all.len() >= self.sweep_at {
            self.all.retain(|_, window| window.ends > now);
            // With this the cost of sweeps per new key is constant.
            self.sweep_at = MANY.max(self.all.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_beyond_its_limit_waits_and_no_other_does_however_many_there_are() {
        const LENGTH: Duration = Duration::from_secs(60);
        let counts = WindowedCounts::default();
        for number in 0..100 {
            let count = counts.take(0, 5, LENGTH);
            assert_eq!((count.allowed, count.left), (number < 5, 4_u32.saturating_sub(number)));
            assert!(count.reset <= LENGTH);
        }
        for key in 1..20_000 {
            assert!(counts.take(key, 5, LENGTH).allowed);
        }
        assert!(!counts.take(0, 5, LENGTH).allowed);
        counts.forget(&0);
        assert!(counts.take(0, 5, LENGTH).allowed);
    }

    #[test]
    fn a_window_that_has_ended_counts_no_more_and_is_not_kept() {
        let all = WindowedCounts::default();
        assert!(all.take(0, 1, Duration::ZERO).allowed);
        assert!(all.take(0, 1, Duration::ZERO).allowed);
        for key in 0..3 * MANY {
            all.take(key, 1, Duration::ZERO);
        }
        assert!(all.windows().all.len() <= MANY);
    }
}
