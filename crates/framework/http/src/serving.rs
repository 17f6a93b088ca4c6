//! Serves a router, with limits for the number of connections and for slow clients. At a stop, new connections are
//! served for a while, and then the requests in progress are answered.
//!
//! Whoever reaches the port may open connections, and a client may vanish without closing its own. Each takes a file
//! descriptor, which the process also needs for the broker and the databases. At the limit new ones wait.

use std::convert::Infallible;
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
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower_service::Service as _;

use crate::accepting::accept;
use crate::departure::Departure;
use crate::patient_stream::PatientStream;

/// The maximum number of bytes of a head, of at most 100 headers (hyper). A longer head gets 431.
const HEAD: usize = 64 * 1024;

/// The bounds of a listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenerLimits {
    /// The maximum number of connections.
    pub connections: usize,
    /// The maximum time for the head of a request, for a connection without a request, and for a
    /// client that takes nothing of its answer.
    pub patience: Duration,
}

impl ListenerLimits {
    /// Makes limits with this number of connections and the usual patience, 180 s, since proxies
    /// keep a connection for a minute or two.
    #[must_use]
    pub const fn new(connections: usize) -> Self {
        Self { connections, patience: Duration::from_secs(180) }
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
        let (router, leaving) = (router.clone(), (departure.clone(), stopping.clone()));
        connections.spawn(async move {
            connection(stream, peer, router, limits.patience, leaving).await;
            drop(place);
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
    patience: Duration,
    (departure, mut stopping): (Departure, watch::Receiver<()>),
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let (answer, departure) = (router.clone().call(request), departure.clone());
        async move {
            let mut answer = answer.await?;
            departure.mark(answer.headers_mut());
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_header_size(HEAD)
        .serve_connection(TokioIo::new(PatientStream::new(stream, patience)), service);
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
