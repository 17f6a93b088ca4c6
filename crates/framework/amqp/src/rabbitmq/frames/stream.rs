//! The stream of a connection as lapin sees it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use futures_util::FutureExt;
use futures_util::future::Shared;
use tokio::sync::oneshot;

use crate::rabbitmq::frames::filter::FrameFilter;

/// Ready when the connection is open, or with an error when nobody waits for it any more.
pub(super) type Opening = Shared<oneshot::Receiver<()>>;

/// A stream to the broker. Its input goes through a [`FrameFilter`].
///
/// It fails if nobody waits for the connection to open any more, since lapin's thread would read
/// from a silent server for ever.
#[derive(Debug)]
pub(super) struct FilteredStream<S> {
    stream: S,
    filter: FrameFilter,
    opening: Option<Opening>,
}

impl<S> FilteredStream<S> {
    pub(super) fn new(stream: S, frame_max: Option<u32>, opening: Option<Opening>) -> Self {
        Self { stream, filter: FrameFilter::new(frame_max), opening }
    }
}

pub(super) fn given_up() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the server did not open the connection in time")
}

impl<S: AsyncRead + Unpin> AsyncRead for FilteredStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, filter, opening } = self.get_mut();
        match opening.as_mut().map(|opening| opening.poll_unpin(cx)) {
            Some(Poll::Ready(Ok(()))) => *opening = None,
            Some(Poll::Ready(Err(_))) => return Poll::Ready(Err(given_up())),
            Some(Poll::Pending) | None => {}
        }
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
