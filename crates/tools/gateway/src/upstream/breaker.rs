//! A circuit breaker: after consecutive failures a service gets nothing for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Breaker {
    name: String,
    most: u32,
    pause: Duration,
    state: Mutex<BreakerState>,
}

/// After the pause requests try again, and the first failure makes the next pause.
#[derive(Debug, Default)]
struct BreakerState {
    failures: u32,
    until: Option<Instant>,
}

impl Breaker {
    pub(crate) fn new(name: &str, most: u32, pause: Duration) -> Self {
        let breaker = Self { name: name.to_owned(), most, pause, state: Mutex::default() };
        breaker.tell(false);
        breaker
    }

    /// # Errors
    ///
    /// The time to wait while it is open.
    pub(crate) fn admit(&self) -> Result<(), Duration> {
        let until = self.lock().until;
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        left.filter(|left| !left.is_zero()).map_or(Ok(()), Err)
    }

    pub(crate) fn judge(&self, is_good: bool) {
        let mut state = self.lock();
        if is_good {
            if state.until.is_some() {
                tracing::info!(upstream = %self.name, "the upstream works again");
                self.tell(false);
            }
            *state = BreakerState::default();
            return;
        }
        state.failures += 1;
        if state.failures >= self.most {
            tracing::warn!(upstream = %self.name, "the upstream fails and is left alone for {:?}", self.pause);
            state.until = Some(Instant::now() + self.pause);
            self.tell(true);
        }
    }

    fn tell(&self, is_open: bool) {
        let open = metrics::gauge!("gateway_breaker_open", "upstream" => self.name.clone());
        open.set(f64::from(u8::from(is_open)));
    }

    fn lock(&self) -> MutexGuard<'_, BreakerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_open_it_and_after_the_pause_one_answer_closes_it() {
        let breaker = Breaker::new("a", 2, Duration::from_secs(60));
        for is_good in [false, true, false] {
            breaker.judge(is_good);
            assert_eq!(breaker.admit(), Ok(()));
        }
        breaker.judge(false);
        assert!(breaker.admit().unwrap_err() > Duration::from_secs(50));
        breaker.lock().until = Some(Instant::now());
        assert_eq!(breaker.admit(), Ok(()));
        breaker.judge(false);
        breaker.admit().unwrap_err();
        breaker.judge(true);
        assert_eq!(breaker.admit(), Ok(()));
    }
}
