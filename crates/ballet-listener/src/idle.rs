//! Whether a connection waits for its client, and since when: for a request, for the rest of one, or until the client
//! takes more of its answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Instant;

/// How long a connection has waited for its client.
#[derive(Debug, Clone)]
pub(crate) struct Idle(Arc<State>);

#[derive(Debug)]
struct State {
    /// From here on times are counted.
    begun: Instant,
    /// In microseconds since then: when the client did something last, or its request began or ended.
    since: AtomicU64,
    has_request: AtomicBool,
    /// Whether its handler waits for the rest of its body.
    wants_body: AtomicBool,
}

impl Idle {
    /// Of a new connection. Times are counted from `begun`.
    pub(crate) fn new(begun: Instant) -> Self {
        let (has_request, wants_body) = (AtomicBool::new(false), AtomicBool::new(false));
        let idle =
            Self(Arc::new(State { begun, since: AtomicU64::new(0), has_request, wants_body }));
        idle.begin();
        idle
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Counts from now on.
    pub(crate) fn begin(&self) {
        self.0.since.store(self.now(), Ordering::Relaxed);
    }

    /// Whether the connection has waited for its client for this long.
    pub(crate) fn lasts(&self, time: Duration) -> bool {
        let State { since, has_request, wants_body, .. } = &*self.0;
        let waits = !has_request.load(Ordering::Relaxed) || wants_body.load(Ordering::Relaxed);
        let lasted = self.now().saturating_sub(since.load(Ordering::Relaxed));
        waits && u128::from(lasted) >= time.as_micros()
    }

    /// The least of several is closed first: one without a request, and among those the one that waits for the longest.
    pub(crate) fn order(&self) -> (bool, u64) {
        (self.0.has_request.load(Ordering::Relaxed), self.0.since.load(Ordering::Relaxed))
    }

    /// A request begins. It ends when what this returns is dropped.
    pub(crate) fn interrupt(&self) -> Interrupted {
        self.0.has_request.store(true, Ordering::Relaxed);
        self.begin();
        Interrupted(self.clone())
    }

    fn wants_body(&self, wants: bool) {
        if self.0.wants_body.swap(wants, Ordering::Relaxed) != wants {
            self.begin();
        }
    }
}

/// A request in progress.
#[derive(Debug)]
pub(crate) struct Interrupted(Idle);

impl Drop for Interrupted {
    fn drop(&mut self) {
        self.0.0.has_request.store(false, Ordering::Relaxed);
        self.0.begin();
    }
}

/// The body of a request. While its reader waits for more of it, the connection waits for its client.
#[derive(Debug)]
pub(crate) struct Arriving {
    body: Incoming,
    idle: Idle,
}

impl Arriving {
    pub(crate) fn new(body: Incoming, idle: Idle) -> Self {
        Self { body, idle }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.idle.wants_body(polled.is_pending());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.idle.wants_body(false);
    }
}
