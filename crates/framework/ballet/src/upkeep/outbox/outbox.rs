//! The outbox of a service, as those see it who keep it in order.

use std::sync::Arc;

use tokio::sync::watch;

use crate::declare::handler::clock::Clock;
use crate::engine::database::Database;
use crate::engine::engine::Engine;
use crate::outgoing::relay::Relay;

/// The outbox of a service.
#[derive(Clone)]
pub(crate) struct Outbox {
    pub(crate) service: &'static str,
    pub(crate) database: Arc<Database>,
    pub(crate) relay: Arc<Relay>,
    pub(crate) clock: Clock,
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Outbox {
    pub(crate) fn of(engine: &Engine) -> Self {
        Self {
            service: engine.registry.service,
            database: Arc::clone(&engine.database),
            relay: Arc::clone(&engine.relay),
            clock: engine.time.clock.clone(),
            stopping: engine.stopping.clone(),
        }
    }
}
