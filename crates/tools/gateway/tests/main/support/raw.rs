//! Peers that speak bytes: slow clients, and services that break off.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

use crate::support::gateway::LIMIT;

/// Reads until the peer closes.
pub(crate) async fn exchange(host: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    read_to_end(&mut stream).await
}

/// Reads until the peer closes or breaks the connection.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let reading = async {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut piece).await {
            all.extend_from_slice(&piece[..count]);
        }
    };
    tokio::time::timeout(LIMIT, reading).await.expect("the peer closes");
    String::from_utf8_lossy(&all).into_owned()
}

pub(crate) async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut all = String::new();
    let reading = async {
        while !all.contains(end) {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).await.unwrap();
            assert!(count > 0, "closed before {end:?}: {all:?}");
            all.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
    };
    tokio::time::timeout(LIMIT, reading).await.expect("it comes");
    all
}

/// Starts a service that hands out its connections. Returns its address and their receiver.
pub(crate) async fn connections() -> (String, mpsc::UnboundedReceiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if sender.send(stream).is_err() {
                return;
            }
        }
    });
    (address, receiver)
}

/// Nobody listens there until the socket does, or is dropped. A port without a socket would be given to another test.
pub(crate) fn reserved() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Returns an address where nobody ever listens.
pub(crate) fn nobody() -> String {
    let (socket, address) = reserved();
    Box::leak(Box::new(socket));
    format!("http://{address}")
}

pub(crate) fn upstream(name: &str, address: &str) -> String {
    format!("[[upstream]]\nname = \"{name}\"\nservers = [\"{address}\"]\n")
}
