//! One request and its answer, for the log and the metrics.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use ballet_http::limits::WindowCount;
use hyper::{Method, Request, StatusCode};

use crate::gate::table::RouteTarget;
use crate::http::headers::{REQUEST_ID, single};
use crate::http::ids::request_id;
use crate::http::trace::RequestTrace;
use crate::limits::policy::Policy;

const ACCESS: &str = "access";

/// If dropped before its answer, the log says that its client went away.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) id: String,
    pub(crate) trace: RequestTrace,
    pub(crate) address: IpAddr,
    pub(crate) client: Option<Arc<str>>,
    pub(crate) target: Option<RouteTarget<'a>>,
    pub(crate) limited: Option<(&'a Policy, WindowCount)>,
    method: Method,
    path: String,
    begun: Instant,
    answered: bool,
}

impl Exchange<'_> {
    pub(crate) fn begin<B>(request: &Request<B>, address: IpAddr) -> Self {
        let headers = request.headers();
        Self {
            id: request_id(single(headers, REQUEST_ID).ok().flatten()),
            trace: RequestTrace::of(headers),
            address,
            client: None,
            target: None,
            limited: None,
            method: request.method().clone(),
            // The query may hold private data.
            path: request.uri().path().to_owned(),
            begun: Instant::now(),
            answered: false,
        }
    }

    pub(crate) fn end(mut self, status: StatusCode) {
        self.answered = true;
        self.tell(status.as_u16());
    }

    fn tell(&self, status: u16) {
        let took = self.begun.elapsed();
        let route = self.target.map_or("none", RouteTarget::name);
        tracing::info!(
            target: ACCESS,
            method = %self.method,
            path = %self.path,
            status,
            milliseconds = took.as_secs_f64() * 1000.0,
            route,
            client = self.client.as_deref().unwrap_or("-"),
            address = %self.address,
            request_id = %self.id,
            trace_id = %self.trace.id(),
            "request",
        );
        metrics::counter!("gateway_requests_total", "route" => route.to_owned(),
            "method" => method_label(&self.method), "status" => status.to_string())
        .increment(1);
        metrics::histogram!("gateway_request_seconds", "route" => route.to_owned())
            .record(took.as_secs_f64());
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        if !self.answered {
            // nginx's status for a connection that the client closed.
            self.tell(499);
        }
    }
}

/// Clients can invent methods, but must not create metric series.
fn method_label(method: &Method) -> &'static str {
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
