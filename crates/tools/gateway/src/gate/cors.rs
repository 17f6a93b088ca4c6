//! Pages of other origins (the Fetch standard's CORS protocol).

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::config::file::Cors;
use crate::http::body::{Answer, full};

/// Returns the origin of a request, if it is allowed.
pub(crate) fn origin(cors: Option<&Cors>, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let allowed = cors?.origins.iter().any(|known| known.0.as_bytes() == origin.as_bytes());
    allowed.then(|| origin.clone())
}

pub(crate) fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// What a script may read beyond that which every script may.
const EXPOSED: &str =
    "etag, idempotency-replayed, location, ratelimit, ratelimit-policy, retry-after, x-request-id";

/// The browser stops a page without permission. An allowed one may send any headers: none is a cookie.
pub(crate) fn preflight(
    cors: &Cors,
    origin: Option<&HeaderValue>,
    methods: &str,
    asked: &HeaderMap,
) -> Answer {
    let mut answer = Response::new(full(""));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    if origin.is_some() {
        let age = cors.max_age.0.as_secs().to_string();
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
            (header::ACCESS_CONTROL_MAX_AGE, &age),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                answer.headers_mut().insert(name, value);
            }
        }
        if let Some(headers) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
        }
    }
    answer
}

/// Lets the page read the answer. Credentials are headers, never cookies, so none are allowed.
pub(crate) fn write(origin: Option<HeaderValue>, headers: &mut HeaderMap) {
    // A cache must not give one origin's answer to another.
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let Some(origin) = origin else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}
