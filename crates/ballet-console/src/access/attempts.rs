//! How often a password may be tried: per account and per address, in this process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The failures of a name or an address in a window, after which nothing is tried any more.
const MOST: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// With this many names and addresses, those whose window is over are forgotten.
const MANY: usize = 10_000;

/// The failures of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<HashMap<String, (Instant, u32)>>);

impl Attempts {
    /// Counts an attempt as failed before it is made, so that many at once are counted. Returns false if it may not
    /// be made.
    pub(crate) fn begin(&self, whose: &[&str]) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() > MANY {
            all.retain(|_, (begun, _)| begun.elapsed() < WINDOW);
        }
        let mut may = all.len() <= 2 * MANY;
        for one in whose {
            let failed = all.entry((*one).to_owned()).or_insert((Instant::now(), 0));
            if failed.0.elapsed() >= WINDOW {
                *failed = (Instant::now(), 0);
            }
            failed.1 += 1;
            may &= failed.1 <= MOST;
        }
        may
    }

    /// It was the right password.
    pub(crate) fn forget(&self, whose: &[&str]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for one in whose {
            all.remove(*one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_attempt_in_a_minute_is_not_made() {
        let attempts = Attempts::default();
        for _ in 0..5 {
            assert!(attempts.begin(&["ada", "127.0.0.1"]));
        }
        assert!(!attempts.begin(&["ada", "127.0.0.2"]));
        assert!(!attempts.begin(&["eve", "127.0.0.1"]));
        attempts.forget(&["ada"]);
        assert!(attempts.begin(&["ada"]));
    }
}
