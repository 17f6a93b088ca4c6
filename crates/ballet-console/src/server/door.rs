//! The connections: how many there may be, and how long one may take to say what it wants. Whoever reaches the port may
//! open some, a browser may vanish without closing its own, and each takes a file descriptor, which the console needs for
//! the broker and the databases.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower_service::Service as _;

/// The most connections. More wait until one of them ends.
const MOST: usize = 256;
/// How long the head of a request may take, and how long a connection may be without a request. Proxies keep a connection
/// for the next request for a minute or two: that would fail on one that is closed here before.
pub(crate) const HEAD: Duration = Duration::from_secs(180);
/// How long to wait when no connection can be accepted, as without a file descriptor.
const AGAIN: Duration = Duration::from_millis(100);

/// Answers requests for ever. The connections end with this future.
pub(crate) async fn serve(listener: TcpListener, router: Router, head: Duration) {
    let slots = Arc::new(Semaphore::new(MOST));
    let mut connections = JoinSet::new();
    // Nobody closes it.
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("a connection was not accepted: {error}");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        let router = router.clone();
        connections.spawn(async move {
            connection(stream, peer, router, head).await;
            drop(slot);
        });
        if slots.available_permits() == 0 {
            tracing::warn!("{MOST} connections are open: others wait until one of them ends");
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, head: Duration) {
    // Without it an event that follows another closely may wait 40 ms for the other's acknowledgement.
    let _slower_without = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        // A client's doing: too slow, malformed, or gone.
        tracing::debug!(%peer, "a connection ended: {error}");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_connection_that_asks_for_nothing_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().route("/", get(|| async { "it is here" }));
        let served = tokio::spawn(serve(listener, router, Duration::from_millis(200)));
        // One that says nothing, one that begins to ask, and one that has asked once.
        let whole = "GET / HTTP/1.1\r\nhost: console\r\n\r\n";
        for said in ["", &whole[..10], whole] {
            let mut idle = TcpStream::connect(address).await.expect("a connection");
            idle.write_all(said.as_bytes()).await.expect("sent");
            let mut answer = String::new();
            let read = timeout(SOON, idle.read_to_string(&mut answer)).await;
            read.unwrap_or_else(|_| panic!("{said:?} is left open")).expect("it is closed");
            assert_eq!(answer.contains("it is here"), said == whole, "{answer}");
        }
        served.abort();
    }
}
