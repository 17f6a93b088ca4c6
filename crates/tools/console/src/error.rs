//! The errors that keep the console from starting, or stop it.

use ballet_ops::stream::JournalError;

/// Why the console does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// Its database does not answer, or refuses.
    #[error("the console's database: {0}")]
    Database(#[from] sqlx::Error),
    /// The journal cannot be read.
    #[error("the journal: {0}")]
    Journal(#[from] JournalError),
    /// The console cannot listen on the address.
    #[error("cannot listen on {address}: {why}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The cause.
        why: std::io::Error,
    },
    /// One of its tasks has panicked.
    #[error("a part of the console has failed: {0}")]
    Failed(tokio::task::JoinError),
    /// A password cannot be hashed.
    #[error("the password cannot be hashed: {0}")]
    Password(String),
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
}
