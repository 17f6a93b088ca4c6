//! The parts of a running service that its transactions work with.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use ballet_core::envelope::Limits;
use tokio::sync::watch;

use crate::engine::aborts_held::AbortsHeld;
use crate::engine::calls::open_calls::OpenCalls;
use crate::engine::database::Database;
use crate::engine::handlers::handler_limit::HandlerLimit;
use crate::engine::registry::Registry;
use crate::engine::shared_clock::ProcessClocks;
use crate::outgoing::relay::Relay;
use crate::outgoing::spans::Spans;

/// Code that needs one or two of these parts takes those.
pub(crate) struct Engine {
    pub(crate) registry: Registry,
    pub(crate) limits: Limits,
    pub(crate) time: ProcessClocks,
    pub(crate) database: Arc<Database>,
    pub(crate) relay: Arc<Relay>,
    pub(crate) calls: Arc<OpenCalls>,
    pub(crate) handlers: HandlerLimit,
    pub(crate) aborts_held: AbortsHeld,
    /// Since when the queue of dead letters refuses copies, and until when it did.
    pub(crate) refusals: Mutex<Option<(Instant, Instant)>>,
    pub(crate) spans: Spans,
    pub(crate) stopping: watch::Receiver<bool>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("registry", &self.registry).finish_non_exhaustive()
    }
}
