//! A body whose beginning has already been read.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::body::Frame;

use crate::http::body::{Body, BoxError};

/// All of it if it fits, otherwise the whole as a body again.
pub(crate) enum BodyStart {
    Whole(Bytes),
    More(Body),
}

pub(crate) async fn read(mut body: Body, most: usize) -> Result<BodyStart, BoxError> {
    let mut start = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        start.extend_from_slice(&data);
        if start.len() > most {
            let first = stream::iter([Ok(Frame::data(Bytes::from(start)))]);
            let whole = StreamBody::new(first.chain(BodyStream::new(body)));
            return Ok(BodyStart::More(whole.boxed_unsync()));
        }
    }
    Ok(BodyStart::Whole(Bytes::from(start)))
}
