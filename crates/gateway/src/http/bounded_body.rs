//! A client's body with limits of size and time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::Sleep;

use crate::http::body::BoxError;

/// The reason why a client's body could not be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyFault {
    /// The body has more than this many bytes.
    TooLarge(usize),
    TooSlow,
    /// The client went away, or sent a malformed body.
    Broken,
}

/// The progress of reading a body, watched by the task that waits for the answer to its request.
#[derive(Debug)]
pub(crate) struct BodyProgress {
    limit: usize,
    fault: AtomicU8,
    over: Notify,
}

impl BodyProgress {
    /// The progress of a body with at most this many bytes.
    pub(crate) fn of(limit: usize) -> Self {
        Self { limit, fault: AtomicU8::default(), over: Notify::default() }
    }

    /// Returns why reading ended early, if it did.
    pub(crate) fn fault(&self) -> Option<BodyFault> {
        match self.fault.load(Ordering::Acquire) {
            1 => Some(BodyFault::TooLarge(self.limit)),
            2 => Some(BodyFault::TooSlow),
            3 => Some(BodyFault::Broken),
            _ => None,
        }
    }

    /// Returns when the body has been read, or will not be read further.
    pub(crate) async fn over(&self) {
        self.over.notified().await;
    }

    fn fail(&self, fault: BodyFault) -> BoxError {
        let code = match fault {
            BodyFault::TooLarge(_) => 1,
            BodyFault::TooSlow => 2,
            BodyFault::Broken => 3,
        };
        self.fault.store(code, Ordering::Release);
        self.over.notify_one();
        format!("the client's body: {fault:?}").into()
    }
}

/// A body that ends with an error when it exceeds its limits.
#[derive(Debug)]
pub(crate) struct BoundedBody<B> {
    inner: B,
    left: usize,
    deadline: Pin<Box<Sleep>>,
    progress: Arc<BodyProgress>,
}

impl<B> BoundedBody<B> {
    pub(crate) fn new(inner: B, time: Duration, progress: Arc<BodyProgress>) -> Self {
        let deadline = Box::pin(tokio::time::sleep(time));
        Self { inner, left: progress.limit, deadline, progress }
    }
}

impl<B> Body for BoundedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        if polled.is_pending() && this.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(this.progress.fail(BodyFault::TooSlow))));
        }
        let frame = match ready!(polled) {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => return Poll::Ready(Some(Err(this.progress.fail(BodyFault::Broken)))),
            None => {
                this.progress.over.notify_one();
                return Poll::Ready(None);
            }
        };
        // Trailers are headers that nobody has checked.
        let Ok(data) = frame.into_data() else {
            this.progress.over.notify_one();
            return Poll::Ready(None);
        };
        let Some(left) = this.left.checked_sub(data.len()) else {
            let fault = BodyFault::TooLarge(this.progress.limit);
            return Poll::Ready(Some(Err(this.progress.fail(fault))));
        };
        this.left = left;
        if this.inner.is_end_stream() {
            this.progress.over.notify_one();
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
