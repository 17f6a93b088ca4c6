//! Sessions with databases that are kept for the next use.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

/// Limit of the ping, for a session whose server, or the way to it, no longer answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sessions in which nothing is done at the moment. Beginning a session costs the server more than most of what is done
/// in it.
#[derive(Debug, Default)]
pub struct IdleSessions {
    /// Each with the URL of its database.
    sessions: Mutex<Vec<(String, PgConnection)>>,
}

impl IdleSessions {
    /// Creates an empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { sessions: Mutex::new(Vec::new()) }
    }

    /// Returns a session with this database that still answers, if there is one. The others may have been ended, by a
    /// test or with their server.
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
