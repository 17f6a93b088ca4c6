//! The defaults of a config file's fields.

use std::net::SocketAddr;
use std::time::Duration;

use crate::config::file::{BreakerConfig, Limits, Listen, Timeouts};
use crate::config::units::{ByteSize, Span};

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

const fn seconds(seconds: u64) -> Span {
    Span(Duration::from_secs(seconds))
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
            shutdown_delay: seconds(5),
            drain: seconds(20),
        }
    }
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 5, open: seconds(5) }
    }
}
