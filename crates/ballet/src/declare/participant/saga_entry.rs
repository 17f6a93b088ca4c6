//! A service's part in one saga, with its handlers.

use std::sync::Arc;

use ballet_core::{Event, EventSchema, EventType, Saga, SagaPart, StepPart};
use jiff::SignedDuration;

use crate::declare::erased::others::{AnyKeyedCompensation, AnyOwner, AnyRefusal};
use crate::declare::erased::step::AnyStep;
use crate::declare::participant::deadline::Deadline;

/// A service's part in one saga, with its handlers.
#[derive(Clone)]
pub(crate) struct SagaEntry {
    pub(crate) saga: &'static str,
    pub(crate) owner_service: &'static str,
    pub(crate) abort: Option<EventType>,
    pub(crate) steps: Vec<Arc<AnyStep>>,
    pub(crate) origins: Vec<StepPart>,
    pub(crate) owner: Option<Arc<dyn AnyOwner>>,
    pub(crate) refusals: Vec<Arc<dyn AnyRefusal>>,
    pub(crate) deadline: Option<Deadline>,
    pub(crate) keyed_compensations: Vec<Arc<dyn AnyKeyedCompensation>>,
    /// The events of all of this, for the service's contract.
    pub(crate) events: Vec<EventSchema>,
}

impl SagaEntry {
    pub(crate) fn new<Sg: Saga>() -> Self {
        Self {
            saga: Sg::NAME,
            owner_service: Sg::OWNER,
            abort: Sg::Abort::TYPE.if_any(),
            steps: Vec::new(),
            origins: Vec::new(),
            owner: None,
            refusals: Vec::new(),
            deadline: None,
            keyed_compensations: Vec::new(),
            events: vec![EventSchema::of::<Sg::Abort>()],
        }
    }

    /// The time from the saga's start to its deadline.
    pub(crate) fn deadline(&self) -> Option<SignedDuration> {
        self.deadline.as_ref().map(|deadline| deadline.part.after)
    }

    /// Whether the saga has a step, or an origin, of that name.
    pub(crate) fn has_step(&self, name: &str) -> bool {
        let steps = self.steps.iter().map(|step| step.part());
        steps.chain(&self.origins).any(|part| part.name == name)
    }

    pub(crate) fn part(&self) -> SagaPart {
        let steps = self.origins.iter().chain(self.steps.iter().map(|step| step.part()));
        let steps = steps.map(|step| StepPart {
            compensated_by: self
                .keyed_compensations
                .iter()
                .filter(|undo| undo.step() == step.name)
                .map(|undo| undo.event_type())
                .collect(),
            ..step.clone()
        });
        SagaPart {
            saga: self.saga,
            owner: self.owner_service,
            abort: self.abort,
            aborts_on: self.refusals.iter().map(|refusal| refusal.event_type()).collect(),
            deadline: self.deadline.as_ref().map(|deadline| deadline.part),
            steps: steps.collect(),
        }
    }
}
