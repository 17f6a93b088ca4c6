//! The next connection of a listener.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// How long to wait when no connection can be accepted.
const AGAIN: Duration = Duration::from_millis(20);

/// Waits for the next connection, and says from where it is.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Without it an event that follows another closely may wait 40 ms for the other's acknowledgement.
                let _slower_without = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) => {
                // Out of file descriptors, or a client that is gone again.
                tracing::warn!("a connection was not accepted: {error}");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}
