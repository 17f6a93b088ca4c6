//! A service's part in one saga, with its handlers.

use std::sync::Arc;

use ballet_core::versions::FIRST;
use ballet_core::{Event, EventSchema, EventType, Saga, SagaPart, StepKind, StepPart, Versions};
use jiff::SignedDuration;

use crate::declare::erased::others::{AbortCause, AnyOwner, KeyedCompensation};
use crate::declare::erased::step::AnyStep;
use crate::declare::participant::deadline::Deadline;

#[derive(Clone)]
pub(crate) struct SagaEntry {
    pub(crate) saga: &'static str,
    pub(crate) owner_service: &'static str,
    pub(crate) abort: Option<EventType>,
    pub(crate) steps: Vec<Arc<AnyStep>>,
    pub(crate) origins: Vec<StepPart>,
    pub(crate) owner: Option<Arc<dyn AnyOwner>>,
    pub(crate) refusals: Vec<Arc<AbortCause>>,
    pub(crate) deadline: Option<Deadline>,
    pub(crate) is_deadline_set_twice: bool,
    /// The version under which this service, the owner, begins sagas.
    pub(crate) begins: u32,
    pub(crate) keyed_compensations: Vec<Arc<KeyedCompensation>>,
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
            is_deadline_set_twice: false,
            begins: FIRST,
            keyed_compensations: Vec::new(),
            events: vec![EventSchema::of::<Sg::Abort>()],
        }
    }

    /// The time from the saga's start to its deadline.
    pub(crate) fn deadline(&self) -> Option<SignedDuration> {
        self.deadline.as_ref().map(|deadline| deadline.part.after)
    }

    fn parts(&self) -> impl Iterator<Item = &StepPart> {
        self.origins.iter().chain(self.steps.iter().map(|step| step.part()))
    }

    pub(crate) fn has_step(&self, name: &str) -> bool {
        self.parts().any(|part| part.name == name)
    }

    pub(crate) fn versions_of(&self, name: &str) -> Option<Versions> {
        self.parts().find(|part| part.name == name).map(|part| part.versions)
    }

    /// Whether a step runs on its triggers. If several steps begin the saga on the same event, only the step of the
    /// version under which sagas begin does.
    pub(crate) fn runs(&self, step: &StepPart) -> bool {
        let is_rival = |other: &StepPart| {
            other.kind == StepKind::Origin
                && other.name != step.name
                && other.versions.has(self.begins)
                && other.on.iter().any(|event| step.on.contains(event))
        };
        step.kind != StepKind::Origin
            || step.versions.has(self.begins)
            || !self.parts().any(is_rival)
    }

    pub(crate) fn part(&self) -> SagaPart {
        let steps = self.parts().map(|step| StepPart {
            compensated_by: self
                .keyed_compensations
                .iter()
                .filter(|undo| undo.step == step.name)
                .map(|undo| undo.event_type)
                .collect(),
            ..step.clone()
        });
        SagaPart {
            saga: self.saga,
            owner: self.owner_service,
            abort: self.abort,
            aborts_on: self.refusals.iter().map(|refusal| refusal.event_type).collect(),
            deadline: self.deadline.as_ref().map(|deadline| deadline.part),
            begins: self.begins,
            steps: steps.collect(),
        }
    }
}
