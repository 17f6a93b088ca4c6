//! The public listener: connections, their limits and end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ballet_http::accepting::accept;
use ballet_http::departure::Departure;
use ballet_http::limits::{CountGuard, LiveCounts, network};
use ballet_http::patient_stream::PatientStream;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::file::Limits;
use crate::gate::in_force::{CurrentGate, Gate};
use crate::gate::serve::serve;

/// With fewer headers than this the gateway reads on, and its refusal has their number. With more hyper stops reading:
/// memory for this many is reserved for each request.
const LEAST_HEADERS: usize = 256;
const LEAST_BUFFER: usize = 64 * 1024;

/// The answers to connections beyond a limit, which are closed.
const GATEWAY_IS_FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\
    content-length: 0\r\nconnection: close\r\n\r\n";
const ADDRESS_IS_FULL: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\n\
    content-length: 0\r\nconnection: close\r\n\r\n";

/// Serves until its departure closes the listener, and then until all connections have ended or the time to drain is
/// over.
pub(crate) async fn run(listener: TcpListener, current: CurrentGate, departure: Departure) {
    let slots = Arc::new(Semaphore::new(current.get().config.limits.connections));
    let addresses = LiveCounts::default();
    let mut connections = JoinSet::new();
    let closes = departure.clone().closes();
    tokio::pin!(closes);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            () = closes.as_mut() => break,
        };
        let slot = place(&current, &addresses, peer).and_then(|counted| {
            let slot = Arc::clone(&slots).try_acquire_owned().map_err(|_| GATEWAY_IS_FULL)?;
            Ok((slot, counted))
        });
        let slot = match slot {
            Ok(slot) => slot,
            Err(full) => {
                metrics::counter!("gateway_connections_refused_total").increment(1);
                connections.spawn(turn_away(stream, full));
                continue;
            }
        };
        let (current, departure) = (current.clone(), departure.clone());
        connections.spawn(async move {
            let open = metrics::gauge!("gateway_connections");
            open.increment(1.0);
            connection(stream, peer, current, departure).await;
            open.decrement(1.0);
            drop(slot);
        });
    }
    drop(listener);
    let gate = current.get();
    let drained = async {
        while connections.join_next().await.is_some() {}
        drop(gate.lasting.in_flight.write().await);
    };
    if timeout(gate.config.timeouts.drain.0, drained).await.is_err() {
        tracing::warn!("requests were still in progress after {:?}", gate.config.timeouts.drain.0);
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    current: CurrentGate,
    departure: Departure,
) {
    let Gate { config, .. } = &*current.get();
    let socket = PatientStream::new(stream, config.timeouts.idle.0);
    let service = service_fn(|request| {
        let (current, departure) = (current.clone(), departure.clone());
        async move {
            let mut answer = serve(&current, peer, request).await;
            departure.mark(answer.headers_mut());
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let builder = builder(&config.limits, config.timeouts.headers.0);
    let connection = builder.serve_connection(TokioIo::new(socket), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = departure.clone().closes() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // The client was too slow, malformed or gone. Hyper has answered if it could.
        tracing::debug!(%peer, "a connection ended: {error}");
    }
}

fn builder(limits: &Limits, headers: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(headers);
    builder.max_buf_size(LEAST_BUFFER.max((limits.header_bytes.0 + limits.uri.0) * 2));
    builder.max_headers(LEAST_HEADERS.max(limits.headers * 2));
    builder
}

/// Takes a place among the connections of an address. For IPv6 that is a whole /64, the network of a home. Trusted
/// proxies have no limit: the connections of all their clients come from them.
fn place(
    current: &CurrentGate,
    addresses: &LiveCounts<IpAddr>,
    peer: SocketAddr,
) -> Result<Option<CountGuard<IpAddr>>, &'static [u8]> {
    let Gate { config, .. } = &*current.get();
    if config.listen.trusts(peer.ip()) {
        return Ok(None);
    }
    let counted = addresses.count(network(peer.ip()), config.limits.address_connections);
    counted.map(Some).ok_or(ADDRESS_IS_FULL)
}

async fn turn_away(mut stream: TcpStream, answer: &'static [u8]) {
    let told = async {
        stream.write_all(answer).await?;
        stream.shutdown().await
    };
    let _gone = timeout(Duration::from_secs(1), told).await;
}
