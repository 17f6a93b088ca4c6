//! A request to a service.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::http::uri::PathAndQuery;
use hyper::{HeaderMap, Method};
use tokio::time::Instant;

use crate::http::body::{Body, empty, full};
use crate::http::bounded_body::BodyProgress;
use crate::upstream::failure::UpstreamFailure;

#[derive(Debug)]
pub(crate) enum Payload {
    Empty,
    Whole(Bytes),
    /// The body is passed on while it comes. Reading takes at most this long.
    Stream(Body, Arc<BodyProgress>, Duration),
}

#[derive(Debug)]
pub(crate) struct OutgoingRequest {
    pub(crate) method: Method,
    pub(crate) path: PathAndQuery,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
    /// Whether only clients that sign in get this far. The service does not see their credentials, so its 401 cannot be
    /// about them.
    pub(crate) signed_in: bool,
    /// The limit for the head of the answer, all attempts together.
    pub(crate) timeout: Duration,
    /// The time after which the request must not be sent.
    pub(crate) sent_by: Option<Instant>,
}

/// Parses a path at a service, with the query.
///
/// # Errors
///
/// If the text is not a path. Nothing is sent then.
pub(crate) fn path(text: String) -> Result<PathAndQuery, UpstreamFailure> {
    PathAndQuery::try_from(text).map_err(|error| UpstreamFailure::Unreachable(error.to_string()))
}

impl Payload {
    /// Takes the body to send. A stream can be sent once.
    pub(crate) fn take(&mut self) -> (Body, Option<(Arc<BodyProgress>, Duration)>) {
        match std::mem::replace(self, Self::Empty) {
            Self::Empty => (empty(), None),
            Self::Whole(bytes) => {
                *self = Self::Whole(bytes.clone());
                (full(bytes), None)
            }
            Self::Stream(body, progress, time) => (body, Some((progress, time))),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}
