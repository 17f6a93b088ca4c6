//! Events without their types: encoded, and waiting for their transaction to commit.

use ballet_core::{Event, EventType, MessageId, SagaId};
use ballet_fault::WorksOn;
use bytes::Bytes;

use crate::declare::failure::Failure;
use crate::declare::json;
use crate::declare::trace::Trace;

/// An event as JSON, with its type.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    pub(crate) event_type: EventType,
    pub(crate) body: Bytes,
}

impl Encoded {
    pub(crate) fn of<E: Event>(event: &E) -> Result<Self, Failure> {
        let body = json::encode(event)
            .map_err(|why| Failure::permanent(format!("{} cannot be encoded: {why}", E::TYPE)))?;
        Ok(Self { event_type: E::TYPE, body: body.into() })
    }
}

/// An event that waits for its transaction to commit.
#[derive(Debug, Clone)]
pub(crate) struct Emitted {
    pub(crate) message_id: MessageId,
    pub(crate) event: Encoded,
    pub(crate) saga_id: Option<SagaId>,
    pub(crate) causation_id: Option<MessageId>,
    pub(crate) trace: Option<Trace>,
    /// What was noted in the transaction when it was published, see
    /// [`Witness`](crate::declare::witness::Witness).
    pub(crate) noted: Option<u32>,
}

impl WorksOn for Emitted {
    fn names(&self) -> Vec<String> {
        vec![self.event.event_type.name().to_owned()]
    }
}
