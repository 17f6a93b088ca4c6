//! Replaces connections whose prepared statements have become stale, or whose server was replaced.
//!
//! A prepared statement whose result has another column since fails on its connection for ever. A
//! new connection prepares it again. A server that lost power closes no connection, and never
//! answers on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// The time before which a connection must not have been made.
#[derive(Debug, Clone)]
pub struct Renewal {
    begun: Instant,
    /// The time, in microseconds since `begun`.
    not_before: Arc<AtomicU64>,
    /// How often the server was replaced.
    servers: Arc<watch::Sender<u64>>,
}

impl Default for Renewal {
    fn default() -> Self {
        Self { begun: Instant::now(), not_before: Arc::default(), servers: Arc::default() }
    }
}

impl Renewal {
    /// Has all connections that exist now replaced before they are used again.
    pub fn renew(&self) {
        self.not_before.fetch_max(micros(self.begun.elapsed()).max(1), Ordering::Relaxed);
    }

    /// Has all connections that exist now given up, even by those who wait for an answer, because
    /// another server takes writes.
    pub fn replace_server(&self) {
        self.renew();
        self.servers.send_modify(|servers| *servers += 1);
    }

    /// Watches for the next replacement of the server.
    pub fn replaced(&self) -> ReplacementFlag {
        ReplacementFlag(self.servers.subscribe())
    }

    /// Returns true if a connection of this age must be replaced.
    pub fn is_stale(&self, age: Duration) -> bool {
        let not_before = self.not_before.load(Ordering::Relaxed);
        not_before > 0 && micros(self.begun.elapsed().saturating_sub(age)) <= not_before
    }
}

/// Whether the server was replaced since.
#[derive(Debug)]
pub struct ReplacementFlag(watch::Receiver<u64>);

impl ReplacementFlag {
    pub fn is_so(&self) -> bool {
        self.0.has_changed().unwrap_or(false)
    }

    /// Returns the error of who waits for an answer, once the server is replaced.
    pub async fn error(&mut self) -> sqlx::Error {
        if self.0.changed().await.is_err() {
            // Nobody can replace it any more.
            std::future::pending::<()>().await;
        }
        let why = "another server of the database takes writes now";
        sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::ConnectionAborted, why))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_before_is_stale_and_nothing_else() {
        let renewal = Renewal::default();
        let made = Instant::now();
        assert!(!renewal.is_stale(made.elapsed()));
        renewal.renew();
        assert!(renewal.is_stale(made.elapsed()));
        // A connection that is made in the same microsecond counts as older.
        while renewal.is_stale(Duration::ZERO) {}
        assert!(renewal.is_stale(made.elapsed()));
    }
}
