//! An event that waits for its transaction to commit.

use ballet_core::fault::WorksOn;
use ballet_core::{MessageId, SagaId};

use crate::ledger::event::EncodedEvent;
use crate::trace::Trace;

/// An event that waits for its transaction to commit.
#[derive(Debug, Clone)]
pub struct EmittedEvent {
    pub message_id: MessageId,
    pub event: EncodedEvent,
    pub saga_id: Option<SagaId>,
    pub causation_id: Option<MessageId>,
    pub trace: Option<Trace>,
    /// Whether a handler published it by itself, and the framework did not emit it.
    pub by_handler: bool,
}

impl WorksOn for EmittedEvent {
    fn names(&self) -> Vec<String> {
        vec![self.event.event_type.name().to_owned()]
    }
}
