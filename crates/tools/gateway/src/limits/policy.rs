//! A limit on a client's requests, and the headers about it.

use std::sync::Arc;

use ballet_http::limits::{WindowCount, WindowedCounts};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};

use crate::config::file::Rate;
use crate::http::headers::set;
use crate::http::problem::Problem;

// From `draft-ietf-httpapi-ratelimit-headers`.
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

pub(crate) type RateCounts = WindowedCounts<(String, Arc<str>)>;

/// A rate, and the header that describes it to clients.
#[derive(Debug)]
pub(crate) struct Policy {
    rate: Rate,
    /// `None` if the rate's name does not fit.
    header: Option<HeaderValue>,
}

impl Policy {
    pub(crate) fn of(rate: Rate) -> Self {
        let Rate { name, requests, window } = &rate;
        let text = format!("\"{name}\";q={requests};w={}", window.0.as_secs());
        Self { header: HeaderValue::from_str(&text).ok(), rate }
    }

    pub(crate) fn count(&self, all: &RateCounts, client: &Arc<str>) -> WindowCount {
        let Rate { name, requests, window } = &self.rate;
        all.take((name.clone(), Arc::clone(client)), *requests, window.0)
    }

    /// The request was over the limit, so it was not counted.
    pub(crate) fn check(&self, count: WindowCount) -> Result<(), Problem> {
        if count.allowed {
            return Ok(());
        }
        let Rate { name, requests, window } = &self.rate;
        metrics::counter!("gateway_limited_total", "rate" => name.clone()).increment(1);
        let detail =
            format!("more than {requests} requests in {:?}: wait for the next window", window.0);
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(count.reset))
    }

    /// The rest of the window.
    pub(crate) fn write(&self, count: WindowCount, headers: &mut HeaderMap) {
        if let Some(header) = &self.header {
            headers.insert(POLICY, header.clone());
        }
        let WindowCount { left, reset, .. } = count;
        let seconds = reset.as_secs() + u64::from(reset.subsec_nanos() > 0);
        set(headers, LIMIT, &format!("\"{}\";r={left};t={seconds}", self.rate.name));
    }
}
