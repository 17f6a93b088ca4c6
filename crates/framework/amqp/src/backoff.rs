//! Waiting times between attempts.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A connection that lasted this long was healthy. Its loss resets the backoff.
pub(crate) const GOOD_AFTER: Duration = Duration::from_secs(5);

/// Exponential backoff between attempts. Its constants are all that there are.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    attempts: u32,
}

impl Backoff {
    /// A connection to the broker that was lost.
    pub const CONNECTION: Self = Self::millis(250, 5_000);
    /// Work that failed or was in conflict, and a message that the broker did not accept, for example because of a full
    /// queue.
    pub const WORK: Self = Self::millis(100, 5_000);
    /// A message that waits until the topology is fixed.
    pub const TOPOLOGY: Self = Self::seconds(1, 30);
    /// The next look at a database that is unavailable.
    pub const DATABASE: Self = Self::millis(100, 2_000);
    /// A stream that could not be read, and that another process may read meanwhile.
    pub const STREAM: Self = Self::millis(500, 15_000);
    /// A call to the outside that failed.
    pub const CALL: Self = Self::millis(100, 60_000);
    /// The next portion of attempts at a provider of calls that is unavailable.
    pub const PROVIDER: Self = Self::seconds(1, 10);
    /// A compensation that failed. It is never given up.
    pub const COMPENSATION: Self = Self::seconds(5, 60);
    /// Old rows or partitions that could not be removed.
    pub const REMOVAL: Self = Self::seconds(60, 60 * 60);

    /// Starts at the first and doubles up to the second.
    const fn millis(first: u64, max: u64) -> Self {
        Self { first: Duration::from_millis(first), max: Duration::from_millis(max), attempts: 0 }
    }

    const fn seconds(first: u64, max: u64) -> Self {
        Self::millis(first * 1_000, max * 1_000)
    }

    /// Returns the next waiting time: between half of the current step and all of it, so that
    /// replicas do not retry together.
    pub fn wait(&mut self) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        jittered(self.after(self.attempts))
    }

    /// Returns the waiting time after `attempts` failed attempts, without jitter, for callers that
    /// keep the count.
    #[must_use]
    pub fn after(&self, attempts: u32) -> Duration {
        let factor = 2_u32.saturating_pow(attempts.saturating_sub(1));
        self.first.saturating_mul(factor).min(self.max)
    }

    /// Starts over after a success.
    pub const fn reset(&mut self) {
        self.attempts = 0;
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::CONNECTION
    }
}

/// Returns at `due`, or never if it is `None`.
pub(crate) async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Returns a duration between half of `time` and all of it, so that tasks drift apart.
#[must_use]
pub fn jittered(time: Duration) -> Duration {
    time.mul_f64(0.5 + 0.5 * random_fraction())
}

/// The seed of a hash map is random enough for jitter, and saves a dependency.
fn random_fraction() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(0_u8) >> 32).unwrap_or(0);
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_limit_and_start_over() {
        let mut backoff = Backoff::CONNECTION;
        for step in [250, 500, 1000, 2000, 4000, 5000, 5000] {
            let wait = backoff.wait().as_millis();
            assert!(wait >= step / 2 && wait <= step, "{wait} ms for a step of {step} ms");
        }
        backoff.reset();
        assert!(backoff.wait() <= Duration::from_millis(250));
    }
}
