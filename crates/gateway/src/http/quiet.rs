//! An upstream's body that ends with an error when nothing comes for too long.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::http::body::BoxError;

/// A body with a limit for its silence. Its trailers are dropped.
#[derive(Debug)]
pub(crate) struct Quiet {
    inner: Incoming,
    most: Duration,
    silence: Pin<Box<Sleep>>,
}

impl Quiet {
    pub(crate) fn new(inner: Incoming, most: Duration) -> Self {
        Self { inner, most, silence: Box::pin(tokio::time::sleep(most)) }
    }
}

impl Body for Quiet {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.silence.as_mut().reset(Instant::now() + this.most);
                Poll::Ready(frame.into_data().ok().map(|data| Ok(Frame::data(data))))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending if this.silence.as_mut().poll(cx).is_ready() => {
                let silent = format!("the upstream was silent for {:?}", this.most);
                Poll::Ready(Some(Err(silent.into())))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
