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
use lapin::tcp::AsyncTcpStream;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::oneshot;

use crate::rabbitmq::frames::stream::{FilteredStream, given_up};
use crate::tls::{Connector, Encrypted};

type Plain = <Tokio as Reactor>::TcpStream;

/// A connection that may be over TLS, which is below the filter.
type Inner = Either<Plain, Encrypted<Plain>>;

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
        async move { Ok(FilteredStream::new(Either::Left(connecting.await?), None, None)) }
    }
}

/// Connects to the broker through a filter. A dropped attempt ends here, since lapin makes it on a
/// thread of its own, without a limit.
pub(in crate::rabbitmq) async fn connect(
    uri: AMQPUri,
    properties: ConnectionProperties,
    tls: Option<Connector>,
) -> lapin::Result<(Connection, Channel)> {
    let (opened, opening) = oneshot::channel();
    let opening = opening.shared();
    let tokio = Tokio::current();
    let plain = Runtime::new(tokio.clone());
    let runtime = Runtime::new(RuntimeParts::new(tokio.clone(), FilteringReactor(tokio)));
    let open = async move |uri: AMQPUri, _: Runtime<_>| {
        let connecting = pin!(open_stream(&plain, &uri, tls.as_ref()));
        let stream = match select(connecting, opening.clone()).await {
            Either::Left((connected, _)) => connected?,
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

/// Opens a stream to the host of a URL, encrypted if there is a connector. lapin has no TLS of its
/// own here and would go on without.
async fn open_stream(
    runtime: &Runtime<Tokio>,
    uri: &AMQPUri,
    tls: Option<&Connector>,
) -> io::Result<Inner> {
    let host = &uri.authority.host;
    let addresses = runtime.to_socket_addrs((host.clone(), uri.authority.port));
    let plain = runtime.tcp_connect(addresses).await?;
    let Some(tls) = tls else { return Ok(Either::Left(plain)) };
    Ok(Either::Right(tls.connect(host, plain).await?))
}
