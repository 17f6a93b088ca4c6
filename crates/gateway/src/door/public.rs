//! The public listener: connections, their limits, and their end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::config::file::Limits;
use crate::door::addresses::{Addresses, Counted};
use crate::door::patient::Patient;
use crate::gate::in_force::{Current, Gate};
use crate::gate::serve::serve;

/// Below this many headers the gateway refuses with a sentence. Above it hyper ends the connection
/// with a bare 431: memory for so many is reserved for each request.
const LEAST_HEADERS: usize = 256;
const LEAST_BUFFER: usize = 64 * 1024;

/// Why there is no room for a connection.
#[derive(Debug, Clone, Copy)]
enum Full {
    Gateway,
    Address,
}

/// Serves until asked to stop, and then until the connections have ended or the time to drain is
/// over.
pub(crate) async fn run(
    listener: TcpListener,
    current: Current,
    mut stopping: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(current.get().config.limits.connections));
    let addresses = Addresses::default();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            _ = stopping.wait_for(|stop| *stop) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or a client that is gone again.
                tracing::warn!("a connection was not accepted: {error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let slot = place(&current, &addresses, peer).and_then(|counted| {
            let slot = Arc::clone(&slots).try_acquire_owned().map_err(|_| Full::Gateway)?;
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
        let (current, stopping) = (current.clone(), stopping.clone());
        connections.spawn(async move {
            let open = metrics::gauge!("gateway_connections");
            open.increment(1.0);
            connection(stream, peer, current, stopping).await;
            open.decrement(1.0);
            drop(slot);
        });
    }
    drop(listener);
    let gate = current.get();
    let drained = async {
        while connections.join_next().await.is_some() {}
        gate.lasting.in_flight.none().await;
    };
    if tokio::time::timeout(gate.config.timeouts.drain.0, drained).await.is_err() {
        tracing::warn!("requests were still in progress after {}", gate.config.timeouts.drain);
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    current: Current,
    mut stopping: watch::Receiver<bool>,
) {
    let _slower_without = stream.set_nodelay(true);
    let Gate { config, .. } = &*current.get();
    let io = TokioIo::new(Patient::new(stream, config.timeouts.idle.0));
    let service = service_fn(|request| {
        let current = current.clone();
        async move { Ok::<_, std::convert::Infallible>(serve(&current, peer, request).await) }
    });
    let connection =
        builder(&config.limits, config.timeouts.headers.0).serve_connection(io, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = async { drop(stopping.wait_for(|stop| *stop).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A client's doing: too slow, malformed, or gone.
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

/// A place among the connections of an address. Those of all clients of a trusted proxy come from the proxy.
fn place(
    current: &Current,
    addresses: &Addresses,
    peer: SocketAddr,
) -> Result<Option<Counted>, Full> {
    let Gate { config, .. } = &*current.get();
    if config.listen.trusted_proxies.contains(&peer.ip().to_canonical()) {
        return Ok(None);
    }
    let counted = addresses.count(peer.ip(), config.limits.address_connections);
    counted.map(Some).ok_or(Full::Address)
}

/// Tells a client that there is no room.
async fn turn_away(mut stream: TcpStream, full: Full) {
    let (status, title, detail) = match full {
        Full::Gateway => {
            (503, "Service Unavailable", "the gateway has as many connections as it may: try again")
        }
        Full::Address => {
            (429, "Too Many Requests", "your address has as many connections as it may: close some")
        }
    };
    let body = format!(
        "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{status},\
         \"detail\":\"{detail}\"}}"
    );
    let answer = format!(
        "HTTP/1.1 {status} {title}\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nretry-after: 1\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let told = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    let _gone = tokio::time::timeout(Duration::from_secs(1), told).await;
}
