//! Accepts the next connection of a listener.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// The pause after a connection that could not be accepted.
const AGAIN: Duration = Duration::from_millis(20);
/// How many failures in a row make one line of the log. A process without file descriptors writes a
/// line in ten seconds.
const FAILURES_OF_A_LINE: u32 = 500;

/// Waits for the next connection, and returns it with its peer's address.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut failures = 0_u32;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Without it an event that follows another closely may wait 40 ms for the other's acknowledgement.
                let _slower_without = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) => {
                // The process is out of file descriptors, or the client is gone again.
                if failures.is_multiple_of(FAILURES_OF_A_LINE) {
                    tracing::warn!("a connection was not accepted: {error}");
                }
                failures = failures.wrapping_add(1);
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}
