//! Replaces connections whose prepared statements have become stale.
//!
//! A statement that is prepared on a connection, and whose result has another column since, fails
//! there for ever. A new connection prepares it anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The time before which a connection must not have been made.
#[derive(Debug, Clone)]
pub(crate) struct Renewal {
    begun: Instant,
    /// In microseconds since `begun`.
    not_before: Arc<AtomicU64>,
}

impl Renewal {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), not_before: Arc::default() }
    }

    /// Has all connections that exist now replaced before they are used again.
    pub(crate) fn renew(&self) {
        self.not_before.fetch_max(micros(self.begun.elapsed()).max(1), Ordering::Relaxed);
    }

    /// Returns true if a connection of this age must be replaced.
    pub(crate) fn is_stale(&self, age: Duration) -> bool {
        let not_before = self.not_before.load(Ordering::Relaxed);
        not_before > 0 && micros(self.begun.elapsed().saturating_sub(age)) <= not_before
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_before_is_stale_and_nothing_else() {
        let renewal = Renewal::new();
        let made = Instant::now();
        assert!(!renewal.is_stale(made.elapsed()));
        renewal.renew();
        assert!(renewal.is_stale(made.elapsed()));
        // What is made in the same microsecond counts as older.
        while renewal.is_stale(Duration::ZERO) {}
        assert!(renewal.is_stale(made.elapsed()));
    }
}
