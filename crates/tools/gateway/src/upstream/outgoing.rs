//! A request to a service.

use std::time::Duration;

use bytes::Bytes;
use hyper::http::uri::PathAndQuery;
use hyper::{HeaderMap, Method};
use tokio::time::Instant;

use crate::upstream::failure::UpstreamFailure;

#[derive(Debug)]
pub(crate) struct OutgoingRequest {
    pub(crate) method: Method,
    pub(crate) path: PathAndQuery,
    pub(crate) headers: HeaderMap,
    /// Whole: its hash is signed, and a service never waits for a client.
    pub(crate) body: Bytes,
    /// Only clients that sign in get this far. The service does not see their credentials, so its 401 is not about
    /// them.
    pub(crate) signed_in: bool,
    /// The limit for the head of the answer, all attempts together.
    pub(crate) timeout: Duration,
    /// The request must not be sent later.
    pub(crate) sent_by: Option<Instant>,
}

/// # Errors
///
/// If the text is not a path. Nothing is sent.
pub(crate) fn path(text: String) -> Result<PathAndQuery, UpstreamFailure> {
    PathAndQuery::try_from(text).map_err(|error| UpstreamFailure::Unreachable(error.to_string()))
}
