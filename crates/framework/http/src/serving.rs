//! Serves a router, with limits for the number of connections and for their idle time. At a stop, new connections are
//! served for a while, and then the requests in progress are answered.
//!
//! Anybody who reaches the port may open connections, and a client may vanish without closing its
//! own. Each takes a file descriptor, which the process also needs for the broker and the
//! databases. At the limit the connection that has waited longest for its client makes room.

use std::collections::HashMap;
use std::convert::Infallible;
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout};
use tower_service::Service as _;

use crate::accepting::accept;
use crate::departure::Departure;
use crate::head_timer::HeadTimer;
use crate::holding_body::HoldingBody;
use crate::idle::{IdleTime, TrackedBody};
use crate::patient_stream::PatientStream;

/// The maximum number of bytes of a head, of at most 100 headers (hyper). A longer head gets 431.
const HEAD: usize = 64 * 1024;
/// The time between two searches for an idle connection, when all are busy.
const AGAIN: Duration = Duration::from_millis(100);
/// The minimum idle time before a connection is closed for another one, since the first request of
/// a new one may not be read yet.
const GRACE: Duration = Duration::from_secs(1);

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
    let mut open = OpenConnections::new(limits.connections);
    let closes = departure.clone().closes();
    tokio::pin!(closes);
    loop {
        let next = async {
            let accepted = accept(&listener).await;
            open.make_room().await;
            accepted
        };
        let (stream, peer) = tokio::select! {
            accepted = next => accepted,
            () = closes.as_mut() => break,
        };
        let (router, leaving) = (router.clone(), (departure.clone(), stopping.clone()));
        open.begin(|idle| connection(stream, peer, router, idle, limits.patience, leaving));
    }
    drop(listener);
    drop(stop);
    while open.tasks.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    idle: IdleTime,
    patience: Duration,
    (departure, mut stopping): (Departure, watch::Receiver<()>),
) {
    let stream = PatientStream::new(stream, patience).with_idle_time(idle.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let held = idle.interrupt();
        let mut request = request.map(|body| TrackedBody::new(body, idle.clone()));
        request.extensions_mut().insert(ConnectInfo(peer));
        let (answer, departure) = (router.clone().call(request), departure.clone());
        async move {
            let mut answer = answer.await?;
            departure.mark(answer.headers_mut());
            Ok::<_, Infallible>(answer.map(|body| HoldingBody { body, held }))
        }
    });
    let connection = http1::Builder::new()
        .timer(HeadTimer::default())
        .header_read_timeout(patience)
        .max_header_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
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

#[derive(Debug)]
struct OpenConnections {
    most: usize,
    tasks: JoinSet<()>,
    each: HashMap<Id, (AbortHandle, IdleTime)>,
    begun: Instant,
    /// Whether the log has the warning that the limit is reached.
    is_told: bool,
}

impl OpenConnections {
    fn new(most: usize) -> Self {
        Self {
            most,
            tasks: JoinSet::new(),
            each: HashMap::new(),
            begun: Instant::now(),
            is_told: false,
        }
    }

    fn begin<F>(&mut self, connection: impl FnOnce(IdleTime) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let idle = IdleTime::new(self.begun);
        let task = self.tasks.spawn(connection(idle.clone()));
        self.each.insert(task.id(), (task, idle));
    }

    async fn make_room(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.forget(ended);
        }
        self.is_told &= self.each.len() >= self.most / 2;
        while self.each.len() >= self.most {
            if !mem::replace(&mut self.is_told, true) {
                tracing::warn!(
                    "{} connections are open: for each new one that which has waited for its client for the longest \
                     is closed, or it waits",
                    self.most
                );
            }
            let idle = self.each.values().filter(|(_, idle)| idle.has_lasted(GRACE));
            if let Some((task, _)) = idle.min_by_key(|(_, idle)| idle.order()) {
                // A request that begins just now is lost, as on any connection that is closed without one.
                task.abort();
            }
            if let Ok(Some(ended)) = timeout(AGAIN, self.tasks.join_next_with_id()).await {
                self.forget(ended);
            }
        }
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
        self.each.remove(&id);
    }
}
