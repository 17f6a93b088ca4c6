//! The headers that pass: none of a single connection, and none that are internal.

use hyper::HeaderMap;
use hyper::header::{self, AsHeaderName, HeaderName, HeaderValue};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Headers of one connection (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Only the gateway may send a service headers that begin so.
const INTERNAL: [&str; 8] = [
    "x-ballet-",
    "x-forwarded-",
    "x-user-",
    "x-auth-",
    "x-client-",
    "x-internal-",
    "x-original-",
    "x-envoy-",
];

/// Full names of further such headers. A service never sees a client's credentials.
const INTERNAL_IN: [&str; 15] = [
    "authorization",
    // A service copies it into each later event of the saga.
    "baggage",
    "expect",
    "forwarded",
    "host",
    "idempotency-key",
    "remote-user",
    "traceparent",
    "tracestate",
    "true-client-ip",
    "via",
    "x-api-key",
    "x-real-ip",
    "x-remote-user",
    "x-request-id",
];

/// A service may not send these to a client.
const INTERNAL_OUT: [&str; 8] = [
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "server",
    "traceparent",
    "tracestate",
    "via",
    "x-powered-by",
    "x-request-id",
];

pub(crate) fn clean_request(headers: &mut HeaderMap) {
    clean(headers, &INTERNAL_IN);
}

pub(crate) fn clean_response(headers: &mut HeaderMap) {
    clean(headers, &INTERNAL_OUT);
}

fn clean(headers: &mut HeaderMap, internal: &[&str]) {
    // `Connection` may name further headers of this connection.
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let stays = |name: &HeaderName| {
        let text = name.as_str();
        // Some servers take `x_user_id` for `x-user-id`.
        !text.contains('_')
            && !HOP_BY_HOP.contains(&text)
            && !internal.contains(&text)
            && !INTERNAL.iter().any(|prefix| text.starts_with(prefix))
            // Without these the body would be unreadable, or a header of the gateway undone.
            && (!named.contains(name) || matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH))
    };
    let gone: Vec<HeaderName> = headers.keys().filter(|name| !stays(name)).cloned().collect();
    for name in gone {
        headers.remove(name);
    }
}

/// An invalid value is left out.
pub(crate) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// `Err` for several values, or one that is not text.
pub(crate) fn single(headers: &HeaderMap, name: impl AsHeaderName) -> Result<Option<&str>, ()> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(());
    }
    first.to_str().map(Some).map_err(|_| ())
}
