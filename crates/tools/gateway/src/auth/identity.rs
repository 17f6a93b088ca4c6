//! A client that has signed in.

use std::sync::Arc;

use ballet_http::identity;
use hyper::HeaderMap;
use hyper::header::HeaderName;

use crate::http::headers::set;

/// Empty if nobody signed in.
pub(crate) const SCOPES: HeaderName = HeaderName::from_static(identity::SCOPES);
const SUBJECT: HeaderName = HeaderName::from_static(identity::SUBJECT);
const CLIENT: HeaderName = HeaderName::from_static("x-ballet-client");

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Unique over tokens and API keys.
    pub(crate) client: Arc<str>,
    /// The person or program behind the credentials.
    pub(crate) subject: String,
    pub(crate) scopes: Vec<String>,
    /// When a token ends, in seconds since 1970.
    pub(crate) until: Option<i64>,
}

impl Identity {
    pub(crate) fn may(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own == scope)
    }

    /// A client's own headers of these names were removed before.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        set(headers, CLIENT, &self.client);
        set(headers, SUBJECT, &self.subject);
        set(headers, SCOPES, &self.scopes.join(" "));
    }
}
