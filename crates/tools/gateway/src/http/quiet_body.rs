//! An upstream's body, which ends with an error after too long a silence.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::http::body::BoxError;

/// Its trailers are dropped.
#[derive(Debug)]
pub(crate) struct QuietBody {
    inner: Incoming,
    most: Duration,
    /// Starts when nothing can be read.
    silence: Option<Pin<Box<Sleep>>>,
}

impl QuietBody {
    pub(crate) fn new(inner: Incoming, most: Duration) -> Self {
        Self { inner, most, silence: None }
    }
}

impl Body for QuietBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.silence = None;
                Poll::Ready(frame.into_data().ok().map(|data| Ok(Frame::data(data))))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let most = this.most;
                let silence = this.silence.get_or_insert_with(|| Box::pin(sleep(most)));
                silence
                    .as_mut()
                    .poll(cx)
                    .map(|()| Some(Err(format!("the upstream was silent for {most:?}").into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
