//! A connection that withholds hyper's own answers. To a request that is not HTTP hyper answers a bare status, with no
//! way to add a reason. The gateway then answers itself.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use ballet_http::patient_stream::PatientStream;
use hyper::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The gateway's own answer on a connection, which has one at a time; `None` once the last one has been sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnAnswer(Arc<Mutex<Option<Weak<()>>>>);

impl OwnAnswer {
    /// Begins an answer. It ends when the returned value is dropped, and is sent with the next flush.
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
pub(crate) struct WithholdingStream {
    inner: PatientStream,
    ours: OwnAnswer,
    withheld: Option<StatusCode>,
}

impl WithholdingStream {
    pub(crate) fn new(inner: PatientStream) -> Self {
        Self { inner, ours: OwnAnswer::default(), withheld: None }
    }

    pub(crate) fn ours(&self) -> OwnAnswer {
        self.ours.clone()
    }

    /// Returns the status for a request that is not HTTP, if the client has no answer to it.
    pub(crate) fn unanswered(&self, error: &hyper::Error) -> Option<StatusCode> {
        // hyper does not answer this one.
        let is_http2 = error.is_parse_version_h2() && self.ours.is_sent();
        self.withheld.or(is_http2.then_some(StatusCode::HTTP_VERSION_NOT_SUPPORTED))
    }

    pub(crate) fn into_inner(self) -> PatientStream {
        self.inner
    }

    /// Whether these bytes are hyper's own. hyper flushes only complete writes, so after a flush no rest of an answer
    /// can be taken for them.
    fn withholds(&mut self, data: &[u8]) -> bool {
        if self.withheld.is_none() && self.ours.is_sent() {
            // The status comes after `HTTP/1.1 `.
            let status = data.get(9..12).and_then(|code| StatusCode::from_bytes(code).ok());
            self.withheld = Some(status.unwrap_or(StatusCode::BAD_REQUEST));
        }
        self.withheld.is_some()
    }
}

impl AsyncRead for WithholdingStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for WithholdingStream {
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
