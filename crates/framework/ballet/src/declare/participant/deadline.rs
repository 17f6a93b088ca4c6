//! The deadline that an owner declares for its saga.

use std::sync::Arc;

use ballet_core::SagaId;
use ballet_core::part::DeadlinePart;
use ballet_store::ledger::event::EncodedEvent;
use jiff::Timestamp;

use crate::declare::erased::others::AbortCause;
use crate::declare::handler::failure::Failure;

/// A deadline that has passed: the input for the event about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The saga.
    pub saga_id: SagaId,
    /// The time by which the saga had to be decided.
    pub at: Timestamp,
}

#[derive(Clone)]
pub(crate) struct Deadline {
    pub(crate) part: DeadlinePart,
    pub(crate) passed_event: Arc<dyn Fn(Due) -> Result<EncodedEvent, Failure> + Send + Sync>,
    pub(crate) abort_cause: Arc<AbortCause>,
}
