//! The defaults of a config file's fields.

use std::net::SocketAddr;
use std::time::Duration;

use crate::config::file::{BreakerConfig, Limits, Listen, Timeouts};
use crate::config::units::{ByteSize, Delay, Span};
use crate::config::words::Header;

pub(super) fn yes() -> bool {
    true
}

/// OAuth 2.0 (RFC 9068) has the first, Microsoft Entra and Okta the second.
pub(super) fn scope_claims() -> Vec<String> {
    ["scope", "scp"].map(str::to_owned).to_vec()
}

pub(super) fn first_version() -> String {
    "1".to_owned()
}

/// `Authorization` and a JSON body make a preflight, and so do the headers by which browsers' tools follow a request:
/// W3C trace context, Sentry, Datadog, jQuery.
pub(super) fn allowed_headers() -> Vec<Header> {
    Header::all(&[
        "authorization",
        "baggage",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "last-event-id",
        "sentry-trace",
        "traceparent",
        "tracestate",
        "x-api-key",
        "x-correlation-id",
        "x-datadog-origin",
        "x-datadog-parent-id",
        "x-datadog-sampling-priority",
        "x-datadog-trace-id",
        "x-request-id",
        "x-requested-with",
    ])
}

pub(super) fn exposed_headers() -> Vec<Header> {
    Header::all(&[
        "etag",
        "idempotency-replayed",
        "location",
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
        "x-request-id",
    ])
}

const fn seconds(seconds: u64) -> Span {
    Span(Duration::from_secs(seconds))
}

pub(super) fn one() -> u32 {
    1
}

pub(super) fn eight() -> u32 {
    8
}

pub(super) fn one_second() -> Span {
    seconds(1)
}

pub(super) fn thirty_seconds() -> Span {
    seconds(30)
}

pub(super) fn five_minutes() -> Span {
    seconds(300)
}

pub(super) fn one_day() -> Span {
    seconds(24 * 60 * 60)
}

pub(super) fn ten_minutes() -> Span {
    seconds(600)
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            public: SocketAddr::from(([127, 0, 0, 1], 8080)),
            private: SocketAddr::from(([127, 0, 0, 1], 9080)),
            trusted_proxies: Vec::new(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            address_connections: 256,
            client_requests: 64,
            body: ByteSize(1024 * 1024),
            headers: 64,
            header_bytes: ByteSize(16 * 1024),
            uri: ByteSize(4 * 1024),
            refused_sign_ins: 60,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            headers: seconds(10),
            body: seconds(30),
            upstream: seconds(10),
            idle: seconds(60),
            shutdown_delay: Delay(Duration::from_secs(5)),
            drain: seconds(20),
        }
    }
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 5, open: seconds(5) }
    }
}
