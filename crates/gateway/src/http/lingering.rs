//! A client's body that is read on for a while if the answer came before its end. Otherwise the connection
//! would close under a client that still sends, and it would see a broken pipe in place of the answer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::{Request, header};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// As much is read, and thrown away.
pub(crate) const MOST: usize = 16 << 20;
pub(crate) const LONGEST: Duration = Duration::from_secs(5);

/// The body of a request.
#[derive(Debug)]
pub(crate) struct Lingering {
    /// `None` if the rest of it is to be left.
    inner: Option<Incoming>,
    lingers: bool,
}

impl Lingering {
    pub(crate) fn body_of(request: Request<Incoming>) -> Request<Self> {
        // Such a client sends nothing before it is asked to.
        let lingers = !request.headers().contains_key(header::EXPECT);
        request.map(|inner| Self { inner: Some(inner), lingers })
    }
}

impl Body for Lingering {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.inner {
            Some(inner) => Pin::new(inner).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if !self.lingers || self.is_end_stream() {
            return;
        }
        if let (Some(rest), Ok(runtime)) = (self.inner.take(), Handle::try_current()) {
            runtime.spawn(timeout(LONGEST, read_on(rest)));
        }
    }
}

async fn read_on(mut rest: Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = rest.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > MOST {
            return;
        }
    }
}
