//! What an owner declares about the deadline of its saga.

use std::sync::Arc;

use ballet_core::SagaId;
use ballet_core::part::DeadlinePart;
use jiff::Timestamp;

use crate::declare::erased::others::AnyRefusal;
use crate::declare::event::Encoded;
use crate::declare::failure::Failure;

/// A deadline that has passed, as the event about it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The saga.
    pub saga_id: SagaId,
    /// When it had to be decided.
    pub at: Timestamp,
}

/// What a saga's owner declares with [`deadline`](crate::OwnerSteps::deadline).
#[derive(Clone)]
pub(crate) struct Deadline {
    pub(crate) part: DeadlinePart,
    pub(crate) tell: Arc<dyn Fn(Due) -> Result<Encoded, Failure> + Send + Sync>,
    pub(crate) fact: Arc<dyn AnyRefusal>,
}
