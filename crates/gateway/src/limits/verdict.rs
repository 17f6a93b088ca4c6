//! The verdict of a limit on a request, and the headers that tell the client.

use std::time::Duration;

use hyper::{HeaderMap, StatusCode};

use crate::config::file::Rate;
use crate::http::headers::set;
use crate::http::problem::Problem;

/// Whether a request may go on, and what is left of the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) allowed: bool,
    pub(crate) left: u32,
    /// Until the window ends.
    pub(crate) reset: Duration,
}

impl Verdict {
    fn reset_seconds(&self) -> u64 {
        self.reset.as_secs() + u64::from(self.reset.subsec_nanos() > 0)
    }

    /// Tells the client (`draft-ietf-httpapi-ratelimit-headers`).
    pub(crate) fn write(&self, rate: &Rate, headers: &mut HeaderMap) {
        let Rate { name, requests, window } = rate;
        let policy = format!("\"{name}\";q={requests};w={}", window.0.as_secs());
        set(headers, "ratelimit-policy", &policy);
        let (left, reset) = (self.left, self.reset_seconds());
        set(headers, "ratelimit", &format!("\"{name}\";r={left};t={reset}"));
    }

    pub(crate) fn problem(&self, rate: &Rate) -> Problem {
        let Rate { requests, window, .. } = rate;
        let detail = format!("more than {requests} requests in {window}: wait for the next window");
        Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(self.reset)
    }
}
