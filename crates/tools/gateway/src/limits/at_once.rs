//! Counts a client's concurrent requests here. An event stream counts until it ends.

use std::sync::Arc;
use std::time::Duration;

use ballet_http::limits::{CountGuard, LiveCounts};
use hyper::StatusCode;

use crate::http::problem::Problem;

pub(crate) type ClientRequests = LiveCounts<Arc<str>>;

pub(crate) type RequestGuard = CountGuard<Arc<str>>;

/// # Errors
///
/// 429 if the client has this many in progress.
pub(crate) fn begin(
    all: &ClientRequests,
    client: Arc<str>,
    most: usize,
) -> Result<RequestGuard, Problem> {
    all.count(client, most).ok_or_else(|| {
        metrics::counter!("gateway_limited_total", "rate" => "at-once").increment(1);
        let detail = format!(
            "{most} of your requests are under way, the most of one client: wait until one of them has \
             ended"
        );
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, detail);
        problem.retry_after(Duration::from_secs(1))
    })
}
