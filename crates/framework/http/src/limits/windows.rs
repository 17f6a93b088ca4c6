//! Limits on a client's requests in a window of time, which begins with its first request. Each gateway counts for
//! itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::file::Rate;
use crate::limits::verdict::RateVerdict;

/// From this many clients on, those whose window is over are forgotten now and then.
const MANY: usize = 10_000;

/// The requests of a client in its window.
#[derive(Debug)]
struct Window {
    used: u32,
    ends: Instant,
}

/// The windows by rate and client, and the count at which old ones are swept out.
#[derive(Debug)]
struct Windows {
    all: HashMap<(String, String), Window>,
    sweep_at: usize,
}

/// The limits of this process.
#[derive(Debug)]
pub(crate) struct Limiter(Mutex<Windows>);

impl Limiter {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Windows { all: HashMap::new(), sweep_at: MANY }))
    }

    /// Counts a request of a client.
    pub(crate) fn take(&self, rate: &Rate, client: &str) -> RateVerdict {
        let now = Instant::now();
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        windows.sweep(now);
        let window = windows.all.entry(key(rate, client)).or_insert(Window { used: 0, ends: now });
        if window.ends <= now {
            *window = Window { used: 0, ends: now + rate.window.0 };
        }
        let allowed = window.used < rate.requests;
        window.used += u32::from(allowed);
        let left = rate.requests.saturating_sub(window.used);
        let reset = window.ends.saturating_duration_since(now);
        drop(windows);
        if !allowed {
            metrics::counter!("gateway_limited_total", "rate" => rate.name.clone()).increment(1);
        }
        RateVerdict { allowed, left, reset }
    }

    /// Returns how long a client that has used its rate up has to wait. It counts nothing.
    pub(crate) fn spent(&self, rate: &Rate, client: &str) -> Option<Duration> {
        let windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.all.get(&key(rate, client))?;
        let wait = window.ends.saturating_duration_since(Instant::now());
        (window.used >= rate.requests && !wait.is_zero()).then_some(wait)
    }
}

impl Windows {
    fn sweep(&mut self, now: Instant) {
        if self.all.len() >= self.sweep_at {
            self.all.retain(|_, window| window.ends > now);
            // With this the cost of sweeps per new client is constant.
            self.sweep_at = MANY.max(self.all.len() * 2);
        }
    }
}

fn key(rate: &Rate, client: &str) -> (String, String) {
    (rate.name.clone(), client.to_owned())
}
