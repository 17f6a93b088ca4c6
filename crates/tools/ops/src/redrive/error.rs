//! The errors of operations on dead letters.

use crate::stream::JournalError;
use ballet_amqp::BrokerError;

/// An error of an operation on dead letters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedriveError {
    /// The broker failed, or cannot be reached.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The service has no queue for dead letters, or there is no such service.
    #[error(
        "vhost `{vhost}` has no queue `{queue}`: check that {service:?} is the name of a service \
         there"
    )]
    NoQueue {
        /// The service.
        service: String,
        /// The missing queue.
        queue: String,
        /// The vhost that was searched.
        vhost: String,
    },
    /// The broker did not take the note that marks the end of a search.
    #[error(
        "the journal does not show the note that ends the search: {0}; check with `ballet topology \
         check` that exchange `dead` is bound to `journal`"
    )]
    NoJournal(String),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(JournalError),
    /// The task that reads the messages panicked.
    #[error("the messages could not be read to the end, because of a bug: {0}; please report it")]
    Reader(String),
    /// The service's inbox cannot be read.
    #[error("cannot read the inbox of the service: {0}")]
    Inbox(#[from] sqlx::Error),
    /// The archive failed. The dead letters without an archived copy stay in the queue.
    #[error("cannot archive the dead letters, so they stay in the queue: {0}")]
    Archive(#[from] std::io::Error),
}

impl From<JournalError> for RedriveError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Broker(error) => Self::Broker(error),
            other => Self::Journal(other),
        }
    }
}
