//! Opens a connection of lapin over a filtered stream.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::Stream;
use lapin::tcp::{AMQPUriTcpExt, AsyncTcpStream, OwnedTLSConfig};
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};

use crate::rabbitmq::frames::stream::FilteredStream;

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
        async move { Ok(FilteredStream::new(AsyncTcpStream::Plain(connecting.await?), None)) }
    }
}

/// Connects to the broker through a filter.
pub(in crate::rabbitmq) async fn connect(
    uri: AMQPUri,
    properties: ConnectionProperties,
    tls: OwnedTLSConfig,
) -> lapin::Result<Connection> {
    let tokio = Tokio::current();
    let plain = Runtime::new(tokio.clone());
    let runtime = Runtime::new(RuntimeParts::new(tokio.clone(), FilteringReactor(tokio)));
    let open = async move |uri: AMQPUri, _: Runtime<_>| {
        let stream = uri.connect_with_config_async(tls.as_ref(), &plain).await?;
        let filtered = FilteredStream::new(stream, uri.query.frame_max);
        Ok(AsyncTcpStream::Plain(filtered))
    };
    Connection::connector(uri, runtime, open, properties).await
}
