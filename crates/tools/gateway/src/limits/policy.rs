//! A limit on the number of a client's requests, and the headers that tell the client.

use std::sync::Arc;

use ballet_http::limits::{WindowCount, WindowedCounts};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};

use crate::config::file::Rate;
use crate::http::headers::set;
use crate::http::problem::Problem;

// The names are from `draft-ietf-httpapi-ratelimit-headers`.
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The requests of each client in the window of a rate, by the rate's name.
pub(crate) type RateCounts = WindowedCounts<(String, Arc<str>)>;

/// A rate, and the header that describes it to clients.
#[derive(Debug)]
pub(crate) struct Policy {
    rate: Rate,
    /// `None` if the rate's name does not fit into a header.
    header: Option<HeaderValue>,
}

impl Policy {
    pub(crate) fn of(rate: Rate) -> Self {
        let Rate { name, requests, window } = &rate;
        let text = format!("\"{name}\";q={requests};w={}", window.0.as_secs());
        Self { header: HeaderValue::from_str(&text).ok(), rate }
    }

    /// Counts a request of a client.
    pub(crate) fn count(&self, all: &RateCounts, client: &Arc<str>) -> WindowCount {
        let Rate { name, requests, window } = &self.rate;
        all.take((name.clone(), Arc::clone(client)), *requests, window.0)
    }

    /// Refuses a request that was not counted any more.
    pub(crate) fn check(&self, count: WindowCount) -> Result<(), Problem> {
        if count.allowed {
            return Ok(());
        }
        let Rate { name, requests, window } = &self.rate;
        metrics::counter!("gateway_limited_total", "rate" => name.clone()).increment(1);
        let detail = format!("more than {requests} requests in {window}: wait for the next window");
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(count.reset))
    }

    /// Writes the rest of the window into the headers of an answer.
    pub(crate) fn write(&self, count: WindowCount, headers: &mut HeaderMap) {
        if let Some(header) = &self.header {
            headers.insert(POLICY, header.clone());
        }
        let WindowCount { left, reset, .. } = count;
        let seconds = reset.as_secs() + u64::from(reset.subsec_nanos() > 0);
        set(headers, LIMIT, &format!("\"{}\";r={left};t={seconds}", self.rate.name));
    }
}
