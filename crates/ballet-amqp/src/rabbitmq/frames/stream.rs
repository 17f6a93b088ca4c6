//! The stream of a connection as lapin sees it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use crate::rabbitmq::frames::filter::FrameFilter;

/// A stream to the broker. What comes in goes through a [`FrameFilter`].
#[derive(Debug)]
pub(super) struct FilteredStream<S> {
    stream: S,
    filter: FrameFilter,
}

impl<S> FilteredStream<S> {
    pub(super) fn new(stream: S, frame_max: Option<u32>) -> Self {
        Self { stream, filter: FrameFilter::new(frame_max) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FilteredStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, filter } = self.get_mut();
        loop {
            let count = filter.hand_out(to);
            if count > 0 || to.is_empty() {
                return Poll::Ready(Ok(count));
            }
            let read = ready!(Pin::new(&mut *stream).poll_read(cx, filter.room()))?;
            if read == 0 {
                filter.finish();
                return Poll::Ready(Ok(filter.hand_out(to)));
            }
            filter.filled(read);
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FilteredStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, from)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, from)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_close(cx)
    }
}
