//! A request's body that is read on for a while if the answer came before its end. Otherwise a
//! client that still sends would see a broken pipe in place of the answer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use hyper::{Request, header};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// The maximum number of bytes that are read on and thrown away.
const MOST: usize = 16 << 20;
const LONGEST: Duration = Duration::from_secs(5);

/// The body of a request. When it is dropped, a task reads on.
#[derive(Debug)]
pub struct LingeringBody<B>
where
    B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static,
{
    /// The body, or `None` once it has ended.
    inner: Option<B>,
    /// Whether the client sends it.
    is_sent: bool,
}

impl<B> LingeringBody<B>
where
    B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static,
{
    /// Returns the request with such a body. A body that nobody has begun to read is left, since a
    /// client that waits for `100 Continue` sends nothing before.
    #[must_use]
    pub fn body_of(request: Request<B>) -> Request<Self> {
        let is_sent = !request.headers().contains_key(header::EXPECT);
        request.map(|inner| Self { inner: Some(inner), is_sent })
    }
}

impl<B> Body for LingeringBody<B>
where
    B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.is_sent = true;
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let polled = Pin::new(inner).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.inner = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl<B> Drop for LingeringBody<B>
where
    B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static,
{
    fn drop(&mut self) {
        if !self.is_sent || self.is_end_stream() {
            return;
        }
        if let (Some(rest), Ok(runtime)) = (self.inner.take(), Handle::try_current()) {
            runtime.spawn(timeout(LONGEST, read_on(rest)));
        }
    }
}

async fn read_on<B>(mut rest: B)
where
    B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static,
{
    let mut read = 0;
    while let Some(Ok(frame)) = rest.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > MOST {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use hyper::header::HeaderValue;

    use super::*;

    static PIECE: [u8; 64 * 1024] = [0; 64 * 1024];

    #[derive(Debug, Clone, Default)]
    struct EndlessBody(Arc<AtomicUsize>);

    impl Body for EndlessBody {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0.fetch_add(PIECE.len(), Ordering::Relaxed);
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PIECE)))))
        }
    }

    async fn read(waits: bool, begins: bool) -> usize {
        let endless = EndlessBody::default();
        let mut request = Request::new(endless.clone());
        if waits {
            let value = HeaderValue::from_static("100-continue");
            request.headers_mut().insert(header::EXPECT, value);
        }
        let mut body = LingeringBody::body_of(request).into_body();
        if begins {
            assert!(body.frame().await.is_some());
        }
        drop(body);
        // The task that reads on runs now.
        tokio::task::yield_now().await;
        endless.0.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn what_a_client_sends_is_read_on_to_a_limit() {
        for (waits, begins) in [(false, false), (false, true), (true, true)] {
            let read = read(waits, begins).await;
            let most = MOST + 2 * PIECE.len();
            assert!((MOST..=most).contains(&read), "{waits} {begins}: {read}");
        }
    }

    #[tokio::test]
    async fn nobody_asks_for_what_a_client_waits_to_send() {
        assert_eq!(read(true, false).await, 0);
    }
}
