//! Opens a connection and a channel of lapin over a filtered stream.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::future::{Either, select};
use futures_util::{FutureExt, Stream};
use lapin::tcp::{AMQPUriTcpExt, AsyncTcpStream, OwnedTLSConfig};
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::oneshot;

use crate::rabbitmq::frames::stream::{FilteredStream, given_up};

/// A connection that may be over TLS, which is below the filter.
type Inner = AsyncTcpStream<<Tokio as Reactor>::TcpStream>;

/// Tokio's reactor with another type of stream: lapin takes the type of its stream from there.
#[derive(Debug, Clone)]
struct FilteringReactor(Tokio);

impl Reactor for FilteringReactor {
    type TcpStream = FilteredStream<Inner>;
    type Sleep = <Tokio as Reactor>::Sleep;

    /// lapin does not use it, and the bound of its argument has no public name.
    fn register<H: Read + Write + Send + 'static>(
        &self,
        _: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<Self::TcpStream, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let connecting = self.0.tcp_connect_addr(address);
        async move { Ok(FilteredStream::new(AsyncTcpStream::Plain(connecting.await?), None, None)) }
    }
}

/// Connects to the broker through a filter. An attempt that is dropped ends: lapin makes it on a thread of its
/// own, and without a limit.
pub(in crate::rabbitmq) async fn connect(
    uri: AMQPUri,
    properties: ConnectionProperties,
    tls: OwnedTLSConfig,
) -> lapin::Result<(Connection, Channel)> {
    let (opened, opening) = oneshot::channel();
    let opening = opening.shared();
    let tokio = Tokio::current();
    let plain = Runtime::new(tokio.clone());
    let runtime = Runtime::new(RuntimeParts::new(tokio.clone(), FilteringReactor(tokio)));
    let open = async move |uri: AMQPUri, _: Runtime<_>| {
        let connecting = pin!(uri.connect_with_config_async(tls.as_ref(), &plain));
        let stream = match select(connecting, opening.clone()).await {
            Either::Left((stream, _)) => stream?,
            Either::Right(_) => return Err(given_up().into()),
        };
        let filtered = FilteredStream::new(stream, uri.query.frame_max, Some(opening.clone()));
        Ok(AsyncTcpStream::Plain(filtered))
    };
    let connection = Connection::connector(uri, runtime, open, properties).await?;
    let channel = connection.create_channel().await?;
    // The stream is gone if the connection is.
    opened.send(()).ok();
    Ok((connection, channel))
}
