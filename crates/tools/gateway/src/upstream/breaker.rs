//! A circuit breaker: after consecutive failures a service gets nothing for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
    },
    /// A trial may wait for its client's body or for an answer, so from `next` on another request tries. The first
    /// verdict decides.
    HalfOpen {
        next: Instant,
    },
    /// Another config is in force. Requests from before it end without effect.
    Removed,
}

/// The time after a trial at which the next one begins, if there is no verdict yet.
const BETWEEN_TRIALS: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Breaker {
    name: String,
    most: u32,
    pause: Duration,
    state: Mutex<State>,
}

/// The permission to send one request. If it is dropped without a verdict, it says nothing about the service.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    breaker: &'a Breaker,
    is_trial: bool,
    judged: bool,
}

impl Breaker {
    pub(crate) fn new(name: &str, most: u32, pause: Duration) -> Self {
        let state = Mutex::new(State::Closed { failures: 0 });
        let breaker = Self { name: name.to_owned(), most, pause, state };
        breaker.tell(0.0);
        breaker
    }

    /// Returns the permission to send a request, or the time to wait for it.
    pub(crate) fn admit(&self) -> Result<Permit<'_>, Duration> {
        let mut state = self.lock();
        let at = match *state {
            State::Closed { .. } | State::Removed => {
                return Ok(Permit { breaker: self, is_trial: false, judged: false });
            }
            State::Open { until: at } | State::HalfOpen { next: at } => at,
        };
        let now = Instant::now();
        let left = at.saturating_duration_since(now);
        if !left.is_zero() {
            return Err(left);
        }
        *state = State::HalfOpen { next: now + BETWEEN_TRIALS };
        self.tell(0.5);
        Ok(Permit { breaker: self, is_trial: true, judged: false })
    }

    /// Nobody sends to the service any more, so nobody would notice its recovery.
    pub(crate) fn remove(&self) {
        let mut state = self.lock();
        *state = State::Removed;
        self.tell(0.0);
    }

    fn judge(&self, is_trial: bool, good: bool) {
        let mut state = self.lock();
        let next = match (*state, good) {
            (State::HalfOpen { .. }, true) if is_trial => State::Closed { failures: 0 },
            (State::HalfOpen { .. }, false) if is_trial => self.open(),
            // The request began before the breaker opened or was removed.
            (State::HalfOpen { .. } | State::Open { .. } | State::Removed, _) => return,
            (State::Closed { .. }, true) => State::Closed { failures: 0 },
            (State::Closed { failures }, false) if failures + 1 < self.most => {
                State::Closed { failures: failures + 1 }
            }
            (State::Closed { .. }, false) => self.open(),
        };
        if let (State::HalfOpen { .. }, State::Closed { .. }) = (*state, next) {
            tracing::info!(upstream = %self.name, "the upstream works again");
            self.tell(0.0);
        }
        *state = next;
    }

    fn open(&self) -> State {
        tracing::warn!(upstream = %self.name, "the upstream fails and is left alone for {:?}", self.pause);
        self.tell(1.0);
        State::Open { until: Instant::now() + self.pause }
    }

    fn tell(&self, value: f64) {
        metrics::gauge!("gateway_breaker_open", "upstream" => self.name.clone()).set(value);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    pub(crate) fn judge(mut self, good: bool) {
        self.judged = true;
        self.breaker.judge(self.is_trial, good);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.is_trial || self.judged {
            return;
        }
        // The trial's client went away. The next request tries, unless another has decided.
        if let State::HalfOpen { next } = &mut *self.breaker.lock() {
            *next = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &Breaker) {
        breaker.admit().unwrap().judge(false);
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_trial_closes_it() {
        let breaker = Breaker::new("a", 2, Duration::ZERO);
        fail(&breaker);
        breaker.admit().unwrap().judge(true);
        fail(&breaker);
        assert!(matches!(*breaker.lock(), State::Closed { failures: 1 }));
        fail(&breaker);
        assert!(matches!(*breaker.lock(), State::Open { .. }));
        let trial = breaker.admit().unwrap();
        assert!(breaker.admit().is_err(), "one trial at a time");
        drop(trial);
        let trial = breaker.admit().unwrap();
        trial.judge(false);
        let trial = breaker.admit().unwrap();
        trial.judge(true);
        assert!(matches!(*breaker.lock(), State::Closed { failures: 0 }));
    }

    #[test]
    fn a_trial_that_waits_does_not_keep_the_next_one_out_and_the_first_verdict_decides() {
        let breaker = Breaker::new("c", 1, Duration::ZERO);
        fail(&breaker);
        let (waits, left) = (breaker.admit().unwrap(), breaker.admit().unwrap_err());
        assert!(left <= BETWEEN_TRIALS, "{left:?}");
        // The pause is over.
        *breaker.lock() = State::HalfOpen { next: Instant::now() };
        breaker.admit().unwrap().judge(true);
        assert!(matches!(*breaker.lock(), State::Closed { failures: 0 }));
        drop(waits);
        assert!(matches!(*breaker.lock(), State::Closed { failures: 0 }));
    }

    #[test]
    fn an_open_breaker_says_how_long_to_wait() {
        let breaker = Breaker::new("b", 1, Duration::from_secs(60));
        let early = breaker.admit().unwrap();
        fail(&breaker);
        assert!(breaker.admit().unwrap_err() > Duration::from_secs(50));
        early.judge(true);
        assert!(breaker.admit().is_err(), "an answer from before says nothing");
    }

    #[test]
    fn a_removed_one_is_not_opened_by_requests_that_began_before() {
        let breaker = Breaker::new("d", 1, Duration::from_secs(60));
        let early = breaker.admit().unwrap();
        breaker.remove();
        early.judge(false);
        fail(&breaker);
        assert!(matches!(*breaker.lock(), State::Removed));
    }
}
