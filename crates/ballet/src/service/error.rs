//! Why a service does not start.

use std::net::SocketAddr;

use ballet_amqp::BrokerError;

use crate::service::settings::error::SettingsError;

/// Why a service did not start. What may pass by itself (a database or broker that is not up yet)
/// is waited for instead.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The broker's URL is wrong.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The database's URL is wrong.
    #[error("the database's URL: {0}")]
    DatabaseUrl(sqlx::Error),
    /// The database refuses us: the wrong user, or a right that is missing.
    #[error("the database: {0}")]
    Database(sqlx::Error),
    /// The database shows a certificate that is not to be trusted, or wants one of ours.
    #[error("the database: {0}")]
    DatabaseTls(String),
    /// Sessions are shared: the lock that says that this process lives would be anybody's, and stay
    /// when the process is gone.
    #[error(
        "the database is behind a pooler that lends sessions for a transaction: a lock that a \
         session holds is everybody's there. Name the database itself, or a pool in session mode"
    )]
    Pooler,
    /// Somebody else listens there, or we may not.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The tables cannot be made.
    #[error("the database's tables: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}
