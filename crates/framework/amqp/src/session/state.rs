//! The connection state of one role.

use tokio::time::Instant;

use crate::session::error::BrokerError;

/// The connection state of one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionState {
    /// Connecting for the first time, or again after a loss.
    Connecting {
        /// The start of the time without a connection.
        since: Instant,
        /// The error of the last attempt or of the last connection.
        last_error: Option<BrokerError>,
    },
    /// Connected and working.
    Ready,
    /// Connected, but the broker accepts no messages for now (memory or disk alarm).
    Blocked,
    /// Disconnected until [`resume`](crate::ConsumerHandle::resume).
    Paused,
    /// Stopped for good.
    Stopped,
}

impl ConnectionState {
    pub(crate) fn connecting(last_error: Option<BrokerError>) -> Self {
        Self::Connecting { since: Instant::now(), last_error }
    }

    /// Records the latest error. Keeps the start of the time without a connection.
    pub(crate) fn lose(&mut self, error: BrokerError) {
        match self {
            Self::Connecting { last_error, .. } => *last_error = Some(error),
            _ => *self = Self::connecting(Some(error)),
        }
    }

    /// Returns true if the role can work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }
}
