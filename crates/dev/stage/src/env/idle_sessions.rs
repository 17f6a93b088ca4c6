//! Database sessions kept for the next use.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

/// Limits the ping of a session whose server no longer answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// Idle sessions. Beginning one costs the server more than most work in it.
#[derive(Debug, Default)]
pub struct IdleSessions {
    sessions: Mutex<Vec<(String, PgConnection)>>,
}

impl IdleSessions {
    /// Creates an empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { sessions: Mutex::new(Vec::new()) }
    }

    /// Returns a session with this database that still answers. A test or a stopping server may have ended others.
    pub async fn take(&self, url: &str) -> Option<PgConnection> {
        while let Some(mut session) = self.next(url) {
            if matches!(timeout(PATIENCE, session.ping()).await, Ok(Ok(()))) {
                return Some(session);
            }
        }
        None
    }

    /// Keeps a session in which no transaction, lock or setting is left.
    pub fn keep(&self, url: &str, session: PgConnection) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.push((url.to_owned(), session));
    }

    fn next(&self, url: &str) -> Option<PgConnection> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let at = sessions.iter().position(|(of, _)| of == url)?;
        Some(sessions.swap_remove(at).1)
    }
}
