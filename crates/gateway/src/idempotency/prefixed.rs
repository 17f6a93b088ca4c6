//! A body whose beginning has been read already.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame};

use crate::http::body::{Body, BoxError};

struct Prefixed {
    first: Option<Bytes>,
    rest: Body,
}

impl HttpBody for Prefixed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }
}

/// The start of a body: all of it, or as much as fits, and the whole as a body again.
pub(crate) enum Start {
    Whole(Bytes),
    More(Body),
}

/// Reads a body up to this size.
pub(crate) async fn read(mut body: Body, most: usize) -> Result<Start, BoxError> {
    let mut start = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        start.extend_from_slice(&data);
        if start.len() > most {
            let first = Some(Bytes::from(start));
            return Ok(Start::More(Prefixed { first, rest: body }.boxed_unsync()));
        }
    }
    Ok(Start::Whole(Bytes::from(start)))
}
