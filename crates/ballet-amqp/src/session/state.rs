//! How the connection of one role is doing.

use tokio::time::Instant;

use crate::session::error::BrokerError;

/// How the connection of one role is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionState {
    /// Not there yet, or lost and being made again.
    Connecting {
        /// When we began to be without.
        since: Instant,
        /// Why the last attempt, or the connection before, failed.
        last_error: Option<BrokerError>,
    },
    /// At work.
    Ready,
    /// Connected, but the broker takes no messages for now (memory or disk alarm).
    Blocked,
    /// We closed it until [`resume`](crate::ConsumerHandle::resume).
    Paused,
    /// Stopped for good.
    Stopped,
}

impl ConnectionState {
    /// Without a connection from now on.
    pub(crate) fn connecting(last_error: Option<BrokerError>) -> Self {
        Self::Connecting { since: Instant::now(), last_error }
    }

    /// Keeps since when there is no connection, and takes the latest reason.
    pub(crate) fn lose(&mut self, error: BrokerError) {
        match self {
            Self::Connecting { last_error, .. } => *last_error = Some(error),
            _ => *self = Self::connecting(Some(error)),
        }
    }

    /// Whether the role can do its work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }
}
