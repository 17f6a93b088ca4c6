//! Serves a router, with limits for the number of connections and for slow clients. At a stop, new connections are
//! served for a while, and then the requests in progress are answered.
//!
//! Whoever reaches the port may open connections, and a client may vanish without closing its own. Each takes a file
//! descriptor, which the process also needs for the broker and the databases. At the limit new ones wait.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower_service::Service as _;

use crate::accepting::accept;
use crate::departure::Departure;
use crate::limits::{LiveCounts, network};
use crate::lingering_body::LingeringBody;
use crate::patient_stream::PatientStream;

/// The maximum number of bytes of a head, of at most 100 headers (hyper). A longer head gets 431.
const HEAD: usize = 64 * 1024;

/// The answer to a connection of which its address has too many.
const ADDRESS_IS_FULL: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\n\
    content-length: 0\r\nconnection: close\r\n\r\n";

/// The bounds of a listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenerLimits {
    /// The maximum number of connections.
    pub connections: usize,
    /// The maximum time for the head of a request, and for a connection without a request.
    pub patience: Duration,
    /// The maximum time for a client that takes nothing of its answer.
    pub taking: Duration,
}

impl ListenerLimits {
    /// Makes limits with this number of connections and the usual patience, 180 s, since proxies
    /// keep a connection for a minute or two.
    #[must_use]
    pub const fn new(connections: usize) -> Self {
        let patience = Duration::from_secs(180);
        Self { connections, patience, taking: patience }
    }
}

/// Serves until its departure closes the listener, and then until the requests in progress are answered. Handlers find
/// a client's address as [`ConnectInfo`]. The connections end with this future.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ListenerLimits,
    departure: Departure,
) {
    serve_fairly(listener, router, limits, departure, |_| None).await;
}

/// Serves like [`serve`], and turns connections away of which an address has too many. `most_of` returns the maximum of
/// an address, for IPv6 that of its network, and `None` for no maximum.
pub async fn serve_fairly(
    listener: TcpListener,
    router: Router,
    limits: ListenerLimits,
    departure: Departure,
    most_of: impl Fn(IpAddr) -> Option<usize>,
) {
    let addresses = LiveCounts::default();
    let (stop, stopping) = watch::channel(());
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    let closes = departure.clone().closes();
    tokio::pin!(closes);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, accept(&listener).await)
        };
        let (place, (stream, peer)) = tokio::select! {
            accepted = next => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            () = closes.as_mut() => break,
        };
        let most = most_of(peer.ip()).unwrap_or(usize::MAX);
        let Some(counted) = addresses.count(network(peer.ip()), most) else {
            connections.spawn(turn_away(stream));
            continue;
        };
        let (router, leaving) = (router.clone(), (departure.clone(), stopping.clone()));
        connections.spawn(async move {
            connection(stream, peer, router, limits, leaving).await;
            drop((place, counted));
        });
    }
    drop(listener);
    drop(stop);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: ListenerLimits,
    (departure, mut stopping): (Departure, watch::Receiver<()>),
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let request = LingeringBody::body_of(request).map(Body::new);
        let (answer, departure) = (router.clone().call(request), departure.clone());
        async move {
            let mut answer = answer.await?;
            departure.mark(answer.headers_mut());
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.patience)
        .max_header_size(HEAD)
        .serve_connection(TokioIo::new(PatientStream::new(stream, limits.taking)), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // The client was too slow, sent something malformed, or is gone.
        tracing::debug!(%peer, "a connection ended: {error}");
    }
}

async fn turn_away(mut stream: TcpStream) {
    let told = async {
        stream.write_all(ADDRESS_IS_FULL).await?;
        stream.shutdown().await
    };
    let _gone = timeout(Duration::from_secs(1), told).await;
}
