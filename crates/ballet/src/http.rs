//! HTTP: errors as problem+json (RFC 9457), and what every service serves about itself.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ballet_core::envelope::is_traceparent;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::sync::watch;

use crate::broker::ConnectionState;
use crate::{Failure, FailureKind};

pub use crate::page::{Limit, Page};

/// An error of an HTTP handler, answered as `application/problem+json`.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    pub r#type: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// The HTTP status code.
    pub status: u16,
    /// What is wrong here, and what to do.
    pub detail: String,
}

impl Problem {
    /// A problem with any status.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
        }
    }

    /// 400: the request cannot be read.
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404: there is no such thing.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 409: not in this state.
    #[must_use]
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 422: it can be read, and makes no sense.
    #[must_use]
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self)).into_response();
        let value = header::HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, value);
        response
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure.kind() {
            FailureKind::ConnectionLost | FailureKind::Conflict => {
                tracing::warn!("a request could not be served now: {failure}");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the service cannot reach its database, or was interrupted: read the thing \
                     back before you try again",
                )
            }
            FailureKind::Transient | FailureKind::Permanent | FailureKind::NotYet => {
                tracing::error!("a request failed: {failure}");
                // What went wrong inside is for the log, not for the caller.
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the service failed; its log says why")
            }
        }
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Failure::from(error).into()
    }
}

macro_rules! rejection {
    ($($rejection:ty),+) => {$(
        impl From<$rejection> for Problem {
            fn from(rejection: $rejection) -> Self {
                Self::new(rejection.status(), rejection.body_text())
            }
        }
    )+};
}

rejection!(JsonRejection, PathRejection, QueryRejection);

/// A JSON body, in and out; what cannot be read is answered with a [`Problem`].
#[derive(Debug, Clone, Copy, FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// The path's parameters; what cannot be read is answered with a [`Problem`].
#[derive(Debug, Clone, Copy, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);

/// The query's parameters; what cannot be read is answered with a [`Problem`].
#[derive(Debug, Clone, Copy, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub struct Query<T>(pub T);

/// What a service is made of, for readiness.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    /// Whether the start waits for the database.
    pub(crate) away: watch::Receiver<bool>,
    /// Set when the start is over.
    pub(crate) parts: Arc<OnceLock<Parts>>,
}

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) database: watch::Receiver<bool>,
    pub(crate) consume: watch::Receiver<ConnectionState>,
    pub(crate) publish: watch::Receiver<ConnectionState>,
}

#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    database: &'static str,
    consume: &'static str,
    publish: &'static str,
}

impl Health {
    fn readiness(&self) -> Readiness {
        let Some(parts) = self.parts.get() else {
            let starting = "starting";
            return Readiness {
                ready: false,
                database: if *self.away.borrow() { "away" } else { starting },
                consume: starting,
                publish: starting,
            };
        };
        let word = |state: &ConnectionState| match state {
            ConnectionState::Ready => "ok",
            ConnectionState::Connecting { .. } => "connecting",
            ConnectionState::Blocked => "blocked by the broker",
            ConnectionState::Paused => "paused",
            ConnectionState::Stopped => "stopped",
        };
        let (consume, publish) = (parts.consume.borrow().clone(), parts.publish.borrow().clone());
        let database = *parts.database.borrow();
        Readiness {
            ready: database && consume.is_ready() && publish.is_ready(),
            database: if database { "ok" } else { "away" },
            consume: word(&consume),
            publish: word(&publish),
        }
    }
}

/// Health, readiness and metrics, and behind them the service's own routes once it has started.
pub(crate) fn router(
    health: Health,
    metrics: Option<PrometheusHandle>,
    own: Arc<OnceLock<Router>>,
) -> Router {
    let ready = move || async move {
        let readiness = health.readiness();
        let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, axum::Json(readiness))
    };
    let metrics = move || async move {
        let text = metrics.map(|metrics| metrics.render()).unwrap_or_default();
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
    };
    let service = move |request: Request| {
        let own = Arc::clone(&own);
        async move {
            match own.get() {
                Some(own) => {
                    TRACEPARENT.scope(trace_of(&request), call(own.clone(), request)).await
                }
                None => Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the service is starting: /readyz says what it waits for",
                )
                .into_response(),
            }
        }
    };
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(service)
}

tokio::task_local! {
    /// The trace context of the request that this task serves.
    static TRACEPARENT: Option<String>;
}

/// The trace context of the request that is being served, for the events that it causes.
pub(crate) fn traceparent() -> Option<String> {
    TRACEPARENT.try_with(Clone::clone).ok().flatten()
}

fn trace_of(request: &Request) -> Option<String> {
    let text = request.headers().get("traceparent")?.to_str().ok()?;
    is_traceparent(text).then(|| text.to_owned())
}

async fn call(mut router: Router, request: Request) -> Response {
    match tower_service::Service::call(&mut router, request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
