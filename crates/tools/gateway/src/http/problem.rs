//! The gateway's own errors, as problem+json (RFC 9457).

use std::time::Duration;

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::http::body::{Answer, full};
use crate::http::headers::{REQUEST_ID, set};

#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) detail: String,
    headers: Vec<(HeaderName, String)>,
    /// What is wrong in the request.
    errors: Vec<Value>,
    /// The type of the problem, if its status does not say it.
    kind: Option<String>,
}

#[derive(Serialize)]
struct ProblemBody<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Value],
    request_id: &'a str,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let (headers, errors, kind) = (Vec::new(), Vec::new(), None);
        Self { status, detail: detail.into(), headers, errors, kind }
    }

    #[must_use]
    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &str) -> Self {
        self.errors.push(json!({ "in": "header", "name": name, "detail": self.detail }));
        self
    }

    #[must_use]
    pub(crate) fn path(mut self) -> Self {
        self.errors.push(json!({ "in": "path", "detail": self.detail }));
        self
    }

    #[must_use]
    pub(crate) fn errors(mut self, errors: Vec<Value>) -> Self {
        self.errors = errors;
        self
    }

    #[must_use]
    pub(crate) fn kind(self, kind: Option<String>) -> Self {
        Self { kind, ..self }
    }

    #[must_use]
    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.with(header::RETRY_AFTER, seconds.max(1).to_string())
    }

    pub(crate) fn answer(self, request_id: &str) -> Answer {
        let written = ProblemBody {
            r#type: self.kind.as_deref().unwrap_or("about:blank"),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
            request_id,
        };
        let text = serde_json::to_vec(&written).unwrap_or_default();
        let mut answer = Response::new(full(text));
        *answer.status_mut() = self.status;
        let json = HeaderValue::from_static("application/problem+json");
        answer.headers_mut().insert(header::CONTENT_TYPE, json);
        let no_store = HeaderValue::from_static("no-store");
        answer.headers_mut().insert(header::CACHE_CONTROL, no_store);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                answer.headers_mut().insert(name, value);
            }
        }
        set(answer.headers_mut(), REQUEST_ID, request_id);
        answer
    }
}
