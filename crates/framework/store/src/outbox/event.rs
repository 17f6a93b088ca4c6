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
    pub source: EventSource,
}

/// Who emitted an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventSource {
    /// A handler published it by itself.
    Handler,
    /// The engine, with a row of the ledger that has the event and its id.
    Ledger,
    /// The framework, for nothing that the ledger records.
    Upkeep,
}

impl WorksOn for EmittedEvent {
    fn names(&self) -> Vec<String> {
        vec![self.event.event_type.name().to_owned()]
    }
}
