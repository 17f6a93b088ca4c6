//! The time for which a connection has waited for its client: for a request, for the rest of a body, or until the
//! client takes more of its answer.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

#[derive(Debug, Clone)]
pub(crate) struct IdleTime(Arc<IdleState>);

#[derive(Debug)]
struct IdleState {
    begun: Instant,
    /// When the client did something last, or its request began or ended, in microseconds since `begun`.
    since: AtomicU64,
    has_request: AtomicBool,
    /// The number of readers that wait for the rest of a request's body: its handler, and the task
    /// that reads on after it, which may see the end when the next request has begun.
    readers: AtomicUsize,
    /// Whether the client has yet to take bytes of its answer.
    has_answer: AtomicBool,
}

impl IdleTime {
    /// Creates the idle time of a new connection. Times are counted from `begun`.
    pub(crate) fn new(begun: Instant) -> Self {
        let idle = Self(Arc::new(IdleState {
            begun,
            since: AtomicU64::new(0),
            has_request: AtomicBool::new(false),
            readers: AtomicUsize::new(0),
            has_answer: AtomicBool::new(false),
        }));
        idle.begin();
        idle
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Counts from now on. Call this before the connection counts as waiting.
    fn begin(&self) {
        self.0.since.store(self.now(), Ordering::Relaxed);
    }

    pub(crate) fn has_lasted(&self, time: Duration) -> bool {
        let IdleState { since, has_request, readers, .. } = &*self.0;
        let waits = !has_request.load(Ordering::Acquire) || readers.load(Ordering::Acquire) > 0;
        let lasted = self.now().saturating_sub(since.load(Ordering::Relaxed));
        waits && u128::from(lasted) >= time.as_micros()
    }

    /// Returns the sort key for closing. The least is closed first: a connection without a request
    /// or an answer to take, and among those the one that has waited longest.
    pub(crate) fn order(&self) -> (bool, u64) {
        let IdleState { since, has_request, has_answer, .. } = &*self.0;
        let is_busy = has_request.load(Ordering::Relaxed) || has_answer.load(Ordering::Relaxed);
        (is_busy, since.load(Ordering::Relaxed))
    }

    /// Begins a request. It ends when the returned guard is dropped.
    pub(crate) fn interrupt(&self) -> RequestGuard {
        self.0.has_request.store(true, Ordering::Relaxed);
        self.begin();
        RequestGuard(self.clone())
    }

    /// Notes a write. The client has taken bytes, or has yet to take those before.
    pub(crate) fn note_write(&self, is_taken: bool) {
        if is_taken {
            self.begin();
        }
        self.0.has_answer.store(!is_taken, Ordering::Relaxed);
    }
}

#[derive(Debug)]
pub(crate) struct RequestGuard(IdleTime);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.begin();
        self.0.0.has_request.store(false, Ordering::Release);
    }
}

/// The body of a request. While its reader waits for more of it, the connection waits for its client.
#[derive(Debug)]
pub(crate) struct TrackedBody<B> {
    body: B,
    idle: IdleTime,
    is_awaited: bool,
}

impl<B> TrackedBody<B> {
    pub(crate) fn new(body: B, idle: IdleTime) -> Self {
        Self { body, idle, is_awaited: false }
    }

    fn set_awaited(&mut self, is_awaited: bool) {
        if mem::replace(&mut self.is_awaited, is_awaited) == is_awaited {
            return;
        }
        self.idle.begin();
        let readers = &self.idle.0.readers;
        if is_awaited {
            readers.fetch_add(1, Ordering::Release);
        } else {
            readers.fetch_sub(1, Ordering::Release);
        }
    }
}

impl<B: Body + Unpin> Body for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.set_awaited(polled.is_pending());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for TrackedBody<B> {
    fn drop(&mut self) {
        self.set_awaited(false);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::poll_fn;

    use bytes::Bytes;

    use super::*;

    /// A body that is at its end, or that never comes.
    struct StalledBody {
        is_at_end: bool,
    }

    impl Body for StalledBody {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if self.is_at_end { Poll::Ready(None) } else { Poll::Pending }
        }
    }

    async fn waits(body: &mut TrackedBody<StalledBody>) -> bool {
        poll_fn(|context| Poll::Ready(Pin::new(&mut *body).poll_frame(context).is_pending())).await
    }

    #[tokio::test]
    async fn a_body_that_is_read_on_says_nothing_of_the_next_one() {
        let idle = IdleTime::new(Instant::now());
        let _request = idle.interrupt();
        assert!(!idle.has_lasted(Duration::ZERO));
        let arriving = || TrackedBody::new(StalledBody { is_at_end: false }, idle.clone());
        let (mut left, mut next) = (arriving(), arriving());
        assert!(waits(&mut left).await);
        assert!(waits(&mut next).await);
        left.body.is_at_end = true;
        assert!(!waits(&mut left).await);
        drop(left);
        assert!(idle.has_lasted(Duration::ZERO), "the next one is still awaited");
        next.body.is_at_end = true;
        assert!(!waits(&mut next).await);
        assert!(!idle.has_lasted(Duration::ZERO), "nobody waits for more");
    }
}
