//! When an open loop's requests are due: at a fixed rate, whatever happens to earlier ones.

use std::time::Duration;

use crate::runs::figures::count;

/// Requests at a fixed rate for some time, numbered from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    every: Duration,
    pub(crate) requests: usize,
}

impl Schedule {
    /// `rate` is in requests a second.
    pub(crate) fn new(rate: f64, time: Duration) -> Self {
        let every = Duration::from_secs_f64(1.0 / rate.max(1.0));
        Self { every, requests: before(time, every) }
    }

    pub(crate) fn due(&self, number: usize) -> Duration {
        Duration::from_secs_f64(self.every.as_secs_f64() * count(number))
    }

    /// The number of requests that are due once this time has passed.
    pub(crate) fn due_by(&self, passed: Duration) -> usize {
        (before(passed, self.every) + 1).min(self.requests)
    }
}

/// The number of times that one duration fits into another.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of requests, never negative"
)]
fn before(time: Duration, every: Duration) -> usize {
    (time.as_secs_f64() / every.as_secs_f64()) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_a_fixed_rate() {
        let schedule = Schedule::new(400.0, Duration::from_secs(2));
        assert_eq!(schedule.requests, 800);
        assert_eq!(schedule.due(0), Duration::ZERO);
        assert_eq!(schedule.due(400), Duration::from_secs(1));
        assert_eq!(schedule.due_by(Duration::ZERO), 1);
        assert_eq!(schedule.due_by(Duration::from_millis(1_001)), 401);
        assert_eq!(schedule.due_by(Duration::from_secs(9)), 800, "no more than there are");
    }
}
