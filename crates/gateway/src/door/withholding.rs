//! A connection that withholds what hyper says on its own: to what is no HTTP it answers a bare status, and
//! has no place where more could be said. The gateway then answers itself.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use ballet_listener::patient_stream::PatientStream;
use hyper::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The gateway's own answer on a connection, which has one at a time. `None`: the last one has been sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ours(Arc<Mutex<Option<Weak<()>>>>);

impl Ours {
    /// An answer begins. It ends when what this returns is dropped, and is sent with the next flush.
    pub(crate) fn begin(&self) -> Arc<()> {
        let begun = Arc::new(());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::downgrade(&begun));
        begun
    }

    fn is_sent(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    fn flushed(&self) {
        let mut ours = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ours.take_if(|answer| answer.strong_count() == 0);
    }
}

#[derive(Debug)]
pub(crate) struct Withholding {
    inner: PatientStream,
    ours: Ours,
    withheld: Option<StatusCode>,
}

impl Withholding {
    pub(crate) fn new(inner: PatientStream) -> Self {
        Self { inner, ours: Ours::default(), withheld: None }
    }

    pub(crate) fn ours(&self) -> Ours {
        self.ours.clone()
    }

    /// The status for what was no HTTP, if the client has no answer to it.
    pub(crate) fn unanswered(&self, error: &hyper::Error) -> Option<StatusCode> {
        // hyper has no answer to this one.
        let is_http2 = error.is_parse_version_h2() && self.ours.is_sent();
        self.withheld.or(is_http2.then_some(StatusCode::HTTP_VERSION_NOT_SUPPORTED))
    }

    pub(crate) fn into_inner(self) -> PatientStream {
        self.inner
    }

    /// Whether these bytes are hyper's own: hyper flushes only what it has written to its end, so after a
    /// flush nothing of an answer is left that could be taken for them.
    fn withholds(&mut self, data: &[u8]) -> bool {
        if self.withheld.is_none() && self.ours.is_sent() {
            // After `HTTP/1.1 `.
            let status = data.get(9..12).and_then(|code| StatusCode::from_bytes(code).ok());
            self.withheld = Some(status.unwrap_or(StatusCode::BAD_REQUEST));
        }
        self.withheld.is_some()
    }
}

impl AsyncRead for Withholding {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Withholding {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.withholds(data) {
            return Poll::Ready(Ok(data.len()));
        }
        Pin::new(&mut self.inner).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.withholds(data.first().map_or(&[], |first| first)) {
            return Poll::Ready(Ok(data.iter().map(|slice| slice.len()).sum()));
        }
        Pin::new(&mut self.inner).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(cx);
        if matches!(polled, Poll::Ready(Ok(()))) {
            self.ours.flushed();
        }
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.withheld.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
