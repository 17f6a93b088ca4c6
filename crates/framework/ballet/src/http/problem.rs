//! Errors of HTTP handlers as problem+json (RFC 9457).

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ballet_http::signature::CHALLENGE;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::declare::handler::failure::{Failure, FailureKind};
use crate::http::place::Place;
use crate::telemetry::publishing::TelemetryError;

/// An error of an HTTP handler, answered as `application/problem+json`.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// `about:blank` if the status says what kind of problem it is, or [`NOT_YET`].
    pub r#type: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// The HTTP status code.
    pub status: u16,
    /// The mistake, and advice on what to do.
    pub detail: String,
    /// The parts of the request that are wrong, if it is known which.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Further members, which depend on the route.
    #[serde(flatten)]
    pub members: Map<String, Value>,
    /// Whether nobody knows if the request took effect. To send it again may then do it twice.
    #[serde(skip)]
    in_doubt: bool,
    #[serde(skip)]
    outdated: Option<OutdatedStatement>,
    #[serde(skip)]
    cause: Option<FailureCause>,
    #[serde(skip)]
    advice: Option<Advice>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Advice {
    TryAgain,
    SendJson,
    SendUnpacked,
    /// Send the request to the gateway, since only the gateway is believed.
    AskTheGateway,
}

impl Advice {
    const fn header(self) -> (HeaderName, HeaderValue) {
        match self {
            Self::TryAgain => (header::RETRY_AFTER, RETRY_AFTER),
            Self::SendJson => (header::ACCEPT, HeaderValue::from_static("application/json")),
            Self::SendUnpacked => (header::ACCEPT_ENCODING, HeaderValue::from_static("identity")),
            Self::AskTheGateway => (header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE)),
        }
    }
}

/// The type of a problem with something that may come to be in a moment.
pub const NOT_YET: &str = "urn:problem-type:ballet:not-yet";

/// A part of a request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Which part.
    #[serde(flatten)]
    pub place: Place,
    /// The mistake in it.
    pub detail: String,
}

/// Set on an answer if a table has changed since a statement of its request was prepared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutdatedStatement;

/// Why the request failed, set on an answer for the log alone. It is one pointer, as problems are
/// returned as errors.
#[derive(Debug, Clone)]
pub(crate) struct FailureCause(Arc<String>);

impl FailureCause {
    pub(crate) fn log(&self, method: &Method, path: &str, status: StatusCode) {
        let (why, code) = (&self.0, status.as_u16());
        if status == StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(%method, path, status = code, "a request failed for now: {why}");
        } else {
            tracing::error!(%method, path, status = code, "a request failed: {why}");
        }
    }
}

/// When a caller may try again, in seconds. What keeps a request from being served ends soon.
pub(crate) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

impl Problem {
    /// A problem with any status.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            members: Map::new(),
            in_doubt: false,
            outdated: None,
            cause: None,
            advice: None,
        }
    }

    /// Names a part of the request that is wrong. Its detail is that of the problem.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        let detail = self.detail.clone();
        self.and(place, detail)
    }

    /// Names a part of the request that is wrong, with a detail of its own.
    #[must_use]
    pub fn and(mut self, place: Place, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError { place, detail: detail.into() });
        self
    }

    /// Adds a member of the route's own, for programs (RFC 9457, section 3.2).
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }

    /// With `Retry-After`: the same request may have another answer in a moment. The gateway keeps
    /// no such answer, so the request may be sent again with its `Idempotency-Key`. A 503 has it by
    /// itself.
    #[must_use]
    pub fn try_again(self) -> Self {
        self.advise(Advice::TryAgain)
    }

    #[must_use]
    pub(crate) fn advise(mut self, advice: Advice) -> Self {
        self.advice = Some(advice);
        self
    }

    /// Nobody knows whether the request took effect, so the answer does not ask to try again.
    #[must_use]
    pub(crate) fn in_doubt(mut self) -> Self {
        self.in_doubt = true;
        self
    }

    #[must_use]
    pub(crate) fn because(mut self, why: String) -> Self {
        self.cause = Some(FailureCause(Arc::new(why)));
        self
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

    /// 404 with `Retry-After`, and the type [`NOT_YET`]: there is no such thing, but it may be on its way.
    #[must_use]
    pub fn not_yet(detail: impl Into<String>) -> Self {
        Self { r#type: NOT_YET, ..Self::not_found(detail) }.try_again()
    }

    /// 409: the state of the resource does not allow it.
    #[must_use]
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 422: the request can be read, but makes no sense.
    #[must_use]
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let advice = self.advice;
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (in_doubt, outdated, cause) = (self.in_doubt, self.outdated, self.cause.clone());
        let mut response = (status, axum::Json(self)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE && !in_doubt {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if let Some(outdated) = outdated {
            response.extensions_mut().insert(outdated);
        }
        if let Some(cause) = cause {
            response.extensions_mut().insert(cause);
        }
        if let Some(advice) = advice {
            let (name, value) = advice.header();
            response.headers_mut().insert(name, value);
        }
        let value = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, value);
        response
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let (status, detail) = match failure.kind() {
            FailureKind::ConnectionLost if failure.is_in_doubt() => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the service lost its database while it committed, so nobody knows whether this \
                 took effect: read the thing back before you try again",
            ),
            FailureKind::ConnectionLost | FailureKind::Conflict => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the service cannot reach its database, is busy, or was interrupted, and \
                 committed nothing: try again",
            ),
            FailureKind::NotYet => {
                (StatusCode::SERVICE_UNAVAILABLE, "the service cannot do this yet: try again later")
            }
            // Internal errors are for the log, not for the caller.
            FailureKind::Transient | FailureKind::Permanent => {
                (StatusCode::INTERNAL_SERVER_ERROR, "the service failed; its log says why")
            }
        };
        let outdated = failure.is_stale_statement().then_some(OutdatedStatement);
        let problem = Self::new(status, detail).because(failure.to_string());
        Self { in_doubt: failure.is_in_doubt(), outdated, ..problem }
    }
}

impl From<TelemetryError> for Problem {
    /// Telemetry may be sent again at any time, since its readers count what comes twice once.
    fn from(error: TelemetryError) -> Self {
        let problem = match &error {
            TelemetryError::Unpublishable(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the service could not record this, and cannot when it is sent again",
            ),
            other => Self::new(StatusCode::SERVICE_UNAVAILABLE, other.to_string()).try_again(),
        };
        problem.because(format!("{error:?}"))
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Failure::from(error).into()
    }
}
