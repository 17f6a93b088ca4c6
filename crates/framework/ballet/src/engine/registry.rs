//! The handlers of a service, looked up by the names of events.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ballet_core::own_handlers::{ABORT, COPY, SHARE, UNDO};
use ballet_core::{
    AnyEvent, EventType, KnownEvents, Reason, Runs, StepKind, StepPart, Unacceptable,
    is_tombstone_of,
};
use ballet_store::ledger::open_sagas::Stages;
use ballet_store::ledger::rows::LedgerRow;
use ballet_store::ledger::standing::StepDeclaration;
use jiff::SignedDuration;

use crate::declare::erased::call::CallHandlers;
use crate::declare::erased::entities::Feed;
use crate::declare::erased::others::{AbortCause, AnyProjection, KeyedCompensation};
use crate::declare::erased::step::{AnyStep, Handlers};
use crate::declare::participant::participant::Participant;
use crate::declare::participant::saga_entry::SagaEntry;
use crate::declare::step::retry::Retry;
use crate::engine::handlers::guard::panic_message;

#[derive(Clone)]
pub(crate) enum Handler {
    /// `place` is its place among the step's triggers.
    Step { saga: Arc<SagaEntry>, step: Arc<AnyStep>, place: usize },
    /// It aborts the saga.
    Abort { saga: Arc<SagaEntry> },
    /// A refusal, or a passed deadline, on which this service, the owner, aborts the saga unless it
    /// is decided.
    AbortCause { saga: Arc<SagaEntry>, cause: Arc<AbortCause> },
    /// It compensates one repetition of a step.
    KeyedCompensation { saga: Arc<SagaEntry>, undo: Arc<KeyedCompensation> },
    /// A projection follows it.
    Projection(Arc<dyn AnyProjection>),
    /// It carries entities that this service copies.
    Copy(Feed),
    /// A reader asks for all entities of this name.
    Share(&'static str),
}

impl Handler {
    /// The name in spans and dead letters.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Step { step, .. } => step.part().name,
            Self::Abort { .. } => ABORT,
            Self::AbortCause { cause, .. } => cause.handler,
            Self::KeyedCompensation { .. } => UNDO,
            Self::Projection(projection) => projection.name(),
            Self::Copy(_) => COPY,
            Self::Share(_) => SHARE,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Step { step, .. } => step.retry(),
            Self::Projection(projection) => projection.retry(),
            Self::Abort { .. }
            | Self::AbortCause { .. }
            | Self::KeyedCompensation { .. }
            | Self::Copy(_)
            | Self::Share(_) => Retry::DEFAULT,
        }
    }

    pub(crate) fn decode(&self, body: &[u8]) -> Result<AnyEvent, serde_json::Error> {
        match self {
            Self::Step { step, place, .. } => step.decode(*place, body),
            // The abort event is stored as it came, and a request says nothing but its type, so
            // both only have to be JSON.
            Self::Abort { .. } | Self::Share(_) => {
                serde_json::from_slice::<serde::de::IgnoredAny>(body)
                    .map(|_| Box::new(()) as AnyEvent)
            }
            Self::AbortCause { cause, .. } => (cause.decode)(body),
            Self::KeyedCompensation { undo, .. } => (undo.decode)(body),
            Self::Projection(projection) => projection.decode(body),
            Self::Copy(feed) => (feed.decode)(body),
        }
    }

    fn works_on_saga(&self) -> bool {
        !matches!(self, Self::Projection(_) | Self::Copy(_) | Self::Share(_))
    }

    /// The step that it triggers without joining other events.
    pub(crate) fn step_of_one(&self) -> Option<&Arc<AnyStep>> {
        match self {
            Self::Step { step, .. } => Some(step).filter(|step| step.part().on.len() == 1),
            _ => None,
        }
    }

    /// Whether the handler takes many messages at once, and none of them alone.
    fn is_bulk(&self) -> bool {
        match self {
            Self::Step { step, .. } => step.is_bulk(),
            Self::Abort { saga } => {
                let mut steps = saga.steps.iter();
                steps.all(|step| !step.part().kind.can_be_compensated() || step.is_bulk())
            }
            _ => false,
        }
    }

    /// Whether the handler gains from many messages at once.
    fn runs(&self) -> bool {
        match self {
            Self::Step { step, .. } => step.is_bulk(),
            Self::Abort { saga } => saga.steps.iter().any(|step| step.is_bulk()),
            _ => false,
        }
    }
}

pub(crate) struct HandledEvent {
    pub(crate) event_type: EventType,
    pub(crate) handlers: Vec<Handler>,
    /// The longest deadline of the sagas that it begins here, zero without one.
    pub(crate) begins: Option<SignedDuration>,
}

impl HandledEvent {
    fn new(event_type: EventType, handlers: Vec<Handler>) -> Self {
        let begins = handlers.iter().filter_map(|handler| match handler {
            Handler::Step { saga, step, .. } if step.part().kind == StepKind::Origin => {
                Some(saga.deadline().unwrap_or_default())
            }
            _ => None,
        });
        let begins = begins.max();
        Self { event_type, handlers, begins }
    }

    /// Whether a message of this type needs its saga's lock and ledger.
    pub(crate) fn works_on_saga(&self) -> bool {
        self.handlers.iter().any(Handler::works_on_saga)
    }

    pub(crate) fn aborts(&self) -> bool {
        self.handlers.iter().any(|handler| matches!(handler, Handler::Abort { .. }))
    }

    /// Whether it leads to compensations: here, or everywhere if this service aborts on it.
    pub(crate) fn compensates(&self) -> bool {
        let undoes = |handler: &Handler| {
            matches!(
                handler,
                Handler::Abort { .. }
                    | Handler::AbortCause { .. }
                    | Handler::KeyedCompensation { .. }
            )
        };
        self.handlers.iter().any(undoes)
    }

    /// Whether messages of this type are handled many at a time.
    pub(crate) fn runs(&self) -> bool {
        self.handlers.iter().any(Handler::runs)
    }

    /// The time of messages that only bulk steps handle cannot be told apart.
    pub(crate) fn is_all_bulk(&self) -> bool {
        self.handlers.iter().all(Handler::is_bulk)
    }

    pub(crate) fn retry(&self, handler: Option<&str>) -> Retry {
        let failed = self.handlers.iter().find(|known| Some(known.name()) == handler);
        failed.map_or(Retry::DEFAULT, Handler::retry)
    }

    /// Decodes a body for each handler. A panic in a decoder fails only its own message.
    pub(crate) fn decode(&self, body: &[u8]) -> Result<Vec<Option<AnyEvent>>, Unacceptable> {
        let decode =
            |handler: &Handler| match catch_unwind(AssertUnwindSafe(|| handler.decode(body))) {
                Ok(Ok(event)) => Ok(Some(event)),
                Ok(Err(error)) => Err(Unacceptable::from_json(self.event_type, &error)),
                Err(panic) => {
                    let said = panic_message(&*panic);
                    let detail = format!("the decoder of {} panicked: {said}", self.event_type);
                    Err(Unacceptable::new(Reason::WrongShape, detail))
                }
            };
        self.handlers.iter().map(decode).collect()
    }
}

pub(crate) struct Registry {
    pub(crate) service: &'static str,
    pub(crate) sagas: Vec<Arc<SagaEntry>>,
    pub(crate) events: KnownEvents,
    known: HashMap<&'static str, Arc<HandledEvent>>,
    emits: HashSet<EventType>,
    publishes: HashSet<EventType>,
    /// The names of the events that it packs.
    packs: HashSet<&'static str>,
}

impl Registry {
    pub(crate) fn new(participant: &Participant) -> Self {
        let sagas: Vec<Arc<SagaEntry>> = participant.sagas.iter().cloned().map(Arc::new).collect();
        let mut handlers: HashMap<&'static str, (EventType, Vec<Handler>)> = HashMap::new();
        let mut add = |event: EventType, handler: Handler| {
            handlers.entry(event.name()).or_insert_with(|| (event, Vec::new())).1.push(handler);
        };
        for saga in &sagas {
            for step in saga.steps.iter().filter(|step| saga.runs(step.part())) {
                for (place, event) in step.part().on.iter().enumerate() {
                    let (saga, step) = (Arc::clone(saga), Arc::clone(step));
                    add(*event, Handler::Step { saga, step, place });
                }
            }
            let deadline = saga.deadline.iter().map(|deadline| &deadline.abort_cause);
            for cause in saga.refusals.iter().chain(deadline) {
                let (saga, cause) = (Arc::clone(saga), Arc::clone(cause));
                add(cause.event_type, Handler::AbortCause { saga, cause });
            }
            for undo in &saga.keyed_compensations {
                let (saga, undo) = (Arc::clone(saga), Arc::clone(undo));
                add(undo.event_type, Handler::KeyedCompensation { saga, undo });
            }
            if saga.owner.is_none()
                && let Some(abort) = saga.abort
            {
                add(abort, Handler::Abort { saga: Arc::clone(saga) });
            }
        }
        for projection in &participant.projections {
            add(projection.event_type(), Handler::Projection(Arc::clone(projection)));
        }
        for feed in participant.copies.iter().flat_map(|copy| &copy.feeds) {
            add(feed.event_type, Handler::Copy(*feed));
        }
        for share in &participant.shares {
            for request in &share.part.requests {
                add(*request, Handler::Share(share.part.entity));
            }
        }
        let events = handlers.values().map(|(event, _)| *event).collect();
        let known = handlers
            .into_iter()
            .map(|(name, (event_type, handlers))| {
                (name, Arc::new(HandledEvent::new(event_type, handlers)))
            })
            .collect();
        let emits: HashSet<EventType> = participant.part().emits().into_iter().collect();
        let service = participant.service();
        let is_packed = |event: &&EventType| event.is_packed() && event.service() == service;
        let packs = emits.iter().filter(is_packed).map(EventType::name).collect();
        let publishes = participant.publishes.iter().copied().collect();
        Self { service, sagas, events, known, emits, publishes, packs }
    }

    pub(crate) fn known(&self, name: &str) -> Option<&Arc<HandledEvent>> {
        self.known.get(name)
    }

    pub(crate) fn emitted(&self) -> impl Iterator<Item = EventType> {
        self.emits.iter().copied()
    }

    /// Whether the service declares that its handlers publish this.
    pub(crate) fn publishes(&self, event: EventType) -> bool {
        self.publishes.contains(&event)
    }

    /// Whether the service declares this in any way, such as the outcome of a step.
    pub(crate) fn emits(&self, event: EventType) -> bool {
        self.emits.contains(&event)
    }

    /// Whether its events of this name leave in packs.
    pub(crate) fn packs(&self, name: &str) -> bool {
        self.packs.contains(name)
    }

    pub(crate) fn packs_any(&self) -> bool {
        !self.packs.is_empty()
    }

    pub(crate) fn step(&self, name: &str) -> Option<(&Arc<SagaEntry>, &Arc<AnyStep>)> {
        self.sagas.iter().find_map(|saga| {
            saga.steps.iter().find(|step| step.part().name == name).map(|step| (saga, step))
        })
    }

    pub(crate) fn call_step(&self, name: &str) -> Option<(&Arc<SagaEntry>, &CallHandlers)> {
        let (saga, step) = self.step(name)?;
        match &step.handlers {
            Handlers::Call(call) => Some((saga, call)),
            Handlers::Local(_) => None,
        }
    }

    /// The steps that tell whether a saga has ended here.
    pub(crate) fn stages(&self) -> Stages {
        let mut stages = Stages::default();
        for saga in &self.sagas {
            let steps = || saga.origins.iter().chain(saga.steps.iter().map(|step| step.part()));
            let decides = steps().any(|part| part.kind == StepKind::Decision);
            for part in steps() {
                let step = (part.name, saga.saga);
                match part.kind {
                    StepKind::Origin if decides => stages.begin.push(step),
                    StepKind::Origin => {}
                    StepKind::Compensatable | StepKind::Pivot => stages.undoable.push(step),
                    StepKind::Decision | StepKind::Retriable => stages.last.push(step),
                }
            }
        }
        stages
    }

    /// The steps that are compensated without a call.
    pub(crate) fn compensated_here(&self) -> impl Iterator<Item = &Arc<AnyStep>> {
        let undone = |part: &StepPart| part.kind.can_be_compensated() && part.runs == Runs::Here;
        self.sagas.iter().flat_map(|saga| &saga.steps).filter(move |step| undone(step.part()))
    }

    pub(crate) fn has_step(&self, name: &str) -> bool {
        self.sagas.iter().any(|saga| saga.has_step(name))
    }

    pub(crate) fn declared(&self, saga: &SagaEntry, name: &str) -> StepDeclaration {
        match saga.steps.iter().map(|step| step.part()).find(|part| part.name == name) {
            Some(part) => StepDeclaration::Step(part.kind),
            None if saga.has_step(name) => StepDeclaration::Step(StepKind::Origin),
            None if self.has_step(name) => StepDeclaration::OfAnotherSaga,
            None => StepDeclaration::Unknown,
        }
    }

    /// Whether a row under a saga's id is of this saga, and not of another one with the same id. A
    /// row that only another version can tell apart is of all.
    pub(crate) fn is_of(&self, saga: &SagaEntry, row: &LedgerRow) -> bool {
        if !row.step.is_empty() {
            return saga.has_step(&row.step) || !self.has_step(&row.step);
        }
        is_tombstone_of(saga.saga, self.sagas.iter().map(|entry| entry.saga), &row.key)
    }

    pub(crate) fn origin(&self, event: EventType) -> Option<(&Arc<SagaEntry>, &StepPart)> {
        self.sagas.iter().find_map(|saga| {
            let is_origin = |part: &&StepPart| part.kind == StepKind::Origin && part.done == event;
            saga.origins.iter().find(is_origin).map(|part| (saga, part))
        })
    }

    pub(crate) fn with_deadline(&self) -> impl Iterator<Item = &SagaEntry> {
        self.sagas.iter().map(AsRef::as_ref).filter(|saga| saga.deadline.is_some())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("service", &self.service).finish_non_exhaustive()
    }
}
