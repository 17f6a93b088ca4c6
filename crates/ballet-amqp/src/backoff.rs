//! How long to wait before the next attempt.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A connection that held this long was a good one: after its loss the waits begin anew.
pub(crate) const GOOD_AFTER: Duration = Duration::from_secs(5);

/// Waiting times between attempts, doubling from the first up to the most.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    attempts: u32,
}

impl Backoff {
    /// From `first`, doubling up to `most`.
    #[must_use]
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, attempts: 0 }
    }

    /// How long to wait now: between half of the current step and all of it, so replicas do not
    /// come together.
    pub fn wait(&mut self) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        jittered(self.after(self.attempts))
    }

    /// How long to wait after so many failed attempts, for callers that keep the count themselves.
    /// Without jitter.
    #[must_use]
    pub fn after(&self, attempts: u32) -> Duration {
        let factor = 2_u32.saturating_pow(attempts.saturating_sub(1));
        self.first.saturating_mul(factor).min(self.most)
    }

    /// Begins anew after success.
    pub const fn reset(&mut self) {
        self.attempts = 0;
    }
}

impl Default for Backoff {
    /// The one for connections: 0.25 s to 5 s.
    fn default() -> Self {
        Self::new(Duration::from_millis(250), Duration::from_secs(5))
    }
}

/// Returns at the time that is due; never if nothing is.
pub(crate) async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Between half of the time and all of it, so tasks that began together drift apart.
#[must_use]
pub fn jittered(time: Duration) -> Duration {
    time.mul_f64(0.5 + 0.5 * random_fraction())
}

/// Jitter does not need more than the seed of a hash map, and this saves a crate.
fn random_fraction() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(0_u8) >> 32).unwrap_or(0);
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_limit_and_start_over() {
        let mut backoff = Backoff::default();
        for step in [250, 500, 1000, 2000, 4000, 5000, 5000] {
            let wait = backoff.wait().as_millis();
            assert!(wait >= step / 2 && wait <= step, "{wait} ms for a step of {step} ms");
        }
        backoff.reset();
        assert!(backoff.wait() <= Duration::from_millis(250));
    }
}
