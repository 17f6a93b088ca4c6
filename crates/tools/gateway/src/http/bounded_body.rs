//! A client's body, read whole within limits of size and time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;

use crate::http::body::BoxError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyFault {
    /// The limit in bytes.
    TooLarge(usize),
    TooSlow,
    /// The client went away, or the body is malformed.
    Broken,
}

/// Trailers are left out, as headers that nobody has checked.
pub(crate) async fn read<B>(body: B, most: usize, time: Duration) -> Result<Bytes, BodyFault>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let whole = tokio::time::timeout(time, Limited::new(body, most).collect()).await;
    match whole.map_err(|_| BodyFault::TooSlow)? {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyFault::TooLarge(most)),
        Err(_) => Err(BodyFault::Broken),
    }
}
