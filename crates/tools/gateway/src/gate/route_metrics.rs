//! Metrics of a route, page or document, kept because a lookup is slower than counting.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hyper::Method;
use metrics::{Counter, Histogram};

#[derive(Debug, Default)]
pub(crate) struct RouteMetrics {
    requests: Mutex<Vec<(&'static str, u16, Counter)>>,
    seconds: OnceLock<Histogram>,
}

impl RouteMetrics {
    /// `route` is always the same.
    pub(crate) fn count(&self, route: &str, method: &Method, status: u16, took: Duration) {
        self.count_request(route, name(method), status);
        let seconds = self.seconds.get_or_init(
            || metrics::histogram!("gateway_request_seconds", "route" => route.to_owned()),
        );
        seconds.record(took.as_secs_f64());
    }

    fn count_request(&self, route: &str, method: &'static str, status: u16) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let known = requests.iter().find(|(of, with, _)| (*of, *with) == (method, status));
        if let Some((.., counter)) = known {
            counter.increment(1);
            return;
        }
        let counter = metrics::counter!("gateway_requests_total", "route" => route.to_owned(),
            "method" => method, "status" => status.to_string());
        counter.increment(1);
        requests.push((method, status, counter));
    }
}

/// Clients can invent methods, but must not create metric series.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
