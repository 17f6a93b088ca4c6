//! Requests to one service that take long, or have several addresses.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::sleep_until;

use super::*;
use crate::config::file::Config;

/// Longer than anything that a test waits for.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

/// Starts a service whose queue has no room for a connection until one is accepted. The client's system then tries
/// again after a second.
async fn full() -> (UpstreamService, TcpListener, TcpStream) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = socket.local_addr().unwrap();
    let listener = socket.listen(0).unwrap();
    let fills = TcpStream::connect(address).await.unwrap();
    let config =
        format!("[[upstream]]\nname = \"a\"\nservers = [\"http://{address}\"]\nconnect = \"1m\"\n");
    let config: Config = toml::from_str(&config).unwrap();
    let upstream = &config.upstreams[0];
    let signer = Signer::new(None, Path::new(""), &upstream.name).unwrap();
    (UpstreamService::new(upstream, signer), listener, fills)
}

fn keyed(timeout: Duration, sent_by: Instant) -> OutgoingRequest {
    OutgoingRequest {
        method: Method::POST,
        path: hyper::http::uri::PathAndQuery::from_static("/a"),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"x"),
        signed_in: false,
        timeout,
        sent_by: Some(sent_by),
    }
}

#[tokio::test]
async fn a_request_whose_connection_comes_too_late_is_not_sent() {
    let (service, listener, _fills) = full().await;
    let sent_by = Instant::now() + SHORT;
    let accepted = async {
        sleep_until(sent_by).await;
        let _first = listener.accept().await.unwrap();
        let (mut second, _) = listener.accept().await.unwrap();
        let mut got = Vec::new();
        second.read_to_end(&mut got).await.unwrap();
        String::from_utf8(got).unwrap()
    };
    let timeout = Duration::from_secs(10);
    let address = listener.local_addr().unwrap();
    let sending = async {
        let outcome = service.send(keyed(timeout, sent_by)).await;
        // If its time was over before the first look, it made no connection to accept.
        drop(TcpStream::connect(address).await.unwrap());
        outcome
    };
    let (outcome, got) = tokio::join!(sending, accepted);
    assert_eq!((outcome.unwrap_err(), got.as_str()), (UpstreamFailure::TooLate, ""));
}

/// The port of the processes behind the name, and how many there are.
static PODS: OnceLock<(u16, u8)> = OnceLock::new();

fn pods(_: String, _: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
    let (port, count) = PODS.get().copied().unwrap();
    let pod = move |last: u8| SocketAddr::from(([127, 0, 0, last], port));
    Box::pin(async move { Ok((2..2 + count).map(pod).collect()) })
}

/// Answers every connection at this address once, and counts them.
async fn pod(address: SocketAddr, port: u16) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(SocketAddr::new(address.ip(), port)).await.unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            stream.write_all(answer).await.unwrap();
        }
    });
    (port, count)
}

#[tokio::test]
async fn all_addresses_of_a_name_get_requests_and_one_that_is_gone_costs_none() {
    let at = |last: u8| SocketAddr::from(([127, 0, 0, last], 0));
    let (port, one) = pod(at(2), 0).await;
    let (_, two) = pod(at(3), port).await;
    // Nobody listens at the third address.
    PODS.set((port, 3)).unwrap();
    let config = "[[upstream]]\nname = \"a\"\nservers = [\"http://things:80\"]\n";
    let config: Config = toml::from_str(config).unwrap();
    let upstream = &config.upstreams[0];
    let signer = Signer::new(None, Path::new(""), &upstream.name).unwrap();
    let mut service = UpstreamService::new(upstream, signer);
    service.servers = service.servers.with(pods);
    for _ in 0..30 {
        // One that may not be tried again once it was sent.
        let answer = service.send(keyed(LONG, Instant::now() + LONG)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let (one, two) = (one.load(Ordering::Relaxed), two.load(Ordering::Relaxed));
    assert_eq!(one + two, 30);
    assert!(one >= 9 && two >= 9, "{one} and {two}");
}

#[tokio::test]
async fn a_request_without_a_connection_was_never_sent() {
    let (service, _listener, _fills) = full().await;
    let outcome = service.send(keyed(SHORT, Instant::now() + LONG)).await;
    let failure = outcome.unwrap_err();
    assert_eq!(failure, UpstreamFailure::Unreachable("no connection within 300ms".to_owned()));
    assert!(!failure.may_have_acted());
}
