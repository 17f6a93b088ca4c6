//! The servers of a system.

use std::sync::Arc;

use ballet::Clock;
use ballet_amqp::Broker;
use ballet_core::System;
use sqlx::postgres::PgConnectOptions;

/// The servers of a system, as users who may look at all of them.
#[derive(Debug, Clone)]
pub struct SystemServers {
    /// The system.
    pub system: &'static System,
    /// The broker.
    pub broker: Arc<dyn Broker>,
    /// The URL of the broker's management API, with user and password. Without it only the connection is checked.
    pub management: Option<String>,
    /// The services with their databases.
    pub databases: Vec<(String, PgConnectOptions)>,
    /// The time.
    pub clock: Clock,
}
