//! The verdict of a limit on a request, and the headers that tell the client.

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};

use crate::config::file::Rate;
use crate::http::headers::set;
use crate::http::problem::Problem;

// The names are from `draft-ietf-httpapi-ratelimit-headers`.
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// A rate, and the header that describes it to clients.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) rate: Rate,
    /// `None` if the rate's name does not fit into a header.
    header: Option<HeaderValue>,
}

/// Whether a request may go on, and the rest of the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RateVerdict {
    pub(crate) allowed: bool,
    pub(crate) left: u32,
    /// The time until the window ends.
    pub(crate) reset: Duration,
}

impl Policy {
    pub(crate) fn of(rate: Rate) -> Self {
        let Rate { name, requests, window } = &rate;
        let text = format!("\"{name}\";q={requests};w={}", window.0.as_secs());
        Self { header: HeaderValue::from_str(&text).ok(), rate }
    }
}

impl RateVerdict {
    fn reset_seconds(&self) -> u64 {
        self.reset.as_secs() + u64::from(self.reset.subsec_nanos() > 0)
    }

    /// Writes the verdict into the headers of an answer.
    pub(crate) fn write(&self, policy: &Policy, headers: &mut HeaderMap) {
        if let Some(header) = &policy.header {
            headers.insert(POLICY, header.clone());
        }
        let (name, left, reset) = (&policy.rate.name, self.left, self.reset_seconds());
        set(headers, LIMIT, &format!("\"{name}\";r={left};t={reset}"));
    }

    pub(crate) fn problem(&self, rate: &Rate) -> Problem {
        let Rate { requests, window, .. } = rate;
        let detail = format!("more than {requests} requests in {window}: wait for the next window");
        Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(self.reset)
    }
}
