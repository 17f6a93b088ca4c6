//! How a connection is doing, and how long to wait before the next attempt.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::BrokerError;

/// How the connection of one role is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionState {
    /// Not there yet, or lost and being made again.
    Connecting {
        /// When we began to be without.
        since: Instant,
        /// Why the last attempt, or the connection before, failed.
        last_error: Option<BrokerError>,
    },
    /// At work.
    Ready,
    /// Connected, but the broker takes no messages for now (memory or disk alarm).
    Blocked,
    /// We closed it until [`resume`](crate::consumer::ConsumerHandle::resume).
    Paused,
    /// Stopped for good.
    Stopped,
}

impl ConnectionState {
    /// Whether the role can do its work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }
}

/// Waiting times between attempts: doubling, with jitter, so that replicas do not come together.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    /// From `first`, doubling up to `most`.
    #[must_use]
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, next: first }
    }

    /// How long to wait now: between half of the current step and all of it.
    pub fn wait(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(self.most);
        jittered(step)
    }

    /// Begins anew after success.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

impl Default for Backoff {
    /// The one for connections: 0.25 s to 5 s.
    fn default() -> Self {
        Self::new(Duration::from_millis(250), Duration::from_secs(5))
    }
}

/// Never, when nothing is due.
pub(crate) async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Between half of the time and all of it, so that what began together does not stay together.
pub(crate) fn jittered(time: Duration) -> Duration {
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
