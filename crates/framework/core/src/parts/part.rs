//! The declaration of a service's part in a system, as data that can be read without running
//! the service.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::events::event::EventType;
use crate::events::telemetry::TelemetryType;
use crate::parts::versions::Versions;

/// The part of one service in a system. The graph, the broker's bindings and the documents are made from it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The service's name; its queue has this name, and its events begin with it.
    pub service: &'static str,
    /// Whether it takes packs: messages that bear several events.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub takes_packs: bool,
    /// Its part in each saga.
    pub sagas: Vec<SagaPart>,
    /// Events that it consumes outside of sagas.
    pub subscriptions: Vec<SubscriptionPart>,
    /// Events that it publishes outside of sagas.
    pub publishes: Vec<EventType>,
    /// Its entities that others keep copies of.
    pub shares: Vec<SharePart>,
    /// Its copies of others' entities.
    pub copies: Vec<CopyPart>,
    /// The telemetry that it publishes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub telemetry: Vec<TelemetryType>,
    /// Its readers of telemetry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub readers: Vec<ReaderPart>,
    /// What it excepts from rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<ExceptionPart>,
}

/// What a service excepts from a rule of `ballet check`, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ExceptionPart {
    /// The rule's id.
    pub rule: &'static str,
    /// The step, saga, event, `EVENT/FIELD` or entity of the service; empty for the service as a whole.
    pub of: &'static str,
    /// The reason.
    pub reason: &'static str,
}

/// A service's reader of telemetry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReaderPart {
    /// The reader's name.
    pub name: &'static str,
    /// The telemetry.
    pub reads: TelemetryType,
    /// Whether each process follows all of it in memory, so that nothing of it is in the database.
    pub in_memory: bool,
}

/// A service's part in one saga.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SagaPart {
    /// The saga's name.
    pub saga: &'static str,
    /// The service that decides how the saga ends.
    pub owner: &'static str,
    /// The event on which all steps of this service are undone.
    pub abort: Option<EventType>,
    /// In the owner: the refusals that it turns into the abort.
    pub aborts_on: Vec<EventType>,
    /// In the owner: how long it waits for the decision.
    pub deadline: Option<DeadlinePart>,
    /// In the owner: the version under which it begins sagas. 1 in the others.
    pub begins: u32,
    /// The steps of this service.
    pub steps: Vec<StepPart>,
}

impl SagaPart {
    /// A part with these steps, without an abort and a deadline, in the first version.
    #[must_use]
    pub fn new(saga: &'static str, owner: &'static str, steps: Vec<StepPart>) -> Self {
        let (abort, aborts_on, deadline) = (None, Vec::new(), None);
        Self { saga, owner, abort, aborts_on, deadline, begins: 1, steps }
    }

    /// The versions of the saga in which all of these steps take part. A step that is not declared tells nothing.
    #[must_use]
    pub fn versions_with<'a>(&self, steps: impl IntoIterator<Item = &'a str>) -> Versions {
        let find = |name: &str| self.steps.iter().find(|step| step.name == name);
        let found = steps.into_iter().filter_map(find).map(|step| step.versions);
        found.fold(Versions::ALL, Versions::and)
    }
}

/// Whether a tombstone, the row of a ledger that aborts a whole saga, is of the saga with this
/// name, and not of another one with the same id. Its key is the saga's name, and `sagas` are all
/// of the service. A tombstone that another version of the service wrote, of a saga that this one
/// does not have, is of all.
pub fn is_tombstone_of<'a>(
    saga: &str,
    sagas: impl IntoIterator<Item = &'a str>,
    key: &str,
) -> bool {
    key == saga || !sagas.into_iter().any(|name| name == key)
}

/// How long a saga's owner waits for the decision before it aborts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DeadlinePart {
    /// The event that the owner sends itself when the time is over.
    pub passed: EventType,
    /// The time from the saga's start to its deadline.
    pub after: SignedDuration,
}

/// One step, or the origin of a saga.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepPart {
    /// The step's name: verb and noun, `reserve_stock`.
    pub name: &'static str,
    /// The kind of step.
    pub kind: StepKind,
    /// The events that trigger it; several make a join. Empty for a step that a request from
    /// outside starts.
    pub on: Vec<EventType>,
    /// The event that it emits when done.
    pub done: EventType,
    /// The event that it emits when refused.
    pub refused: Option<EventType>,
    /// The event that its compensation emits.
    pub compensated: Option<EventType>,
    /// The events that undo one repetition of it: the one whose key the event carries.
    pub compensated_by: Vec<EventType>,
    /// The origin of its outcome.
    pub runs: Runs,
    /// The versions of the saga that it is of.
    pub versions: Versions,
    /// For how long a failure of it is tried again, before it is a dead letter. Missing where the default holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retried_for: Option<SignedDuration>,
}

impl StepPart {
    /// Whether it emits this event, done, refused or compensated.
    #[must_use]
    pub fn has_outcome(&self, event: EventType) -> bool {
        self.done == event || self.refused == Some(event) || self.compensated == Some(event)
    }

    /// A step that answers from its transaction, without a refusal and a compensation, in all versions.
    #[must_use]
    pub fn new(name: &'static str, kind: StepKind, on: Vec<EventType>, done: EventType) -> Self {
        let (refused, compensated, compensated_by) = (None, None, Vec::new());
        let (runs, versions, retried_for) = (Runs::Here, Versions::ALL, None);
        Self {
            name,
            kind,
            on,
            done,
            refused,
            compensated,
            compensated_by,
            runs,
            versions,
            retried_for,
        }
    }
}

/// The origin of a step's outcome, and so how long it may take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Runs {
    /// From the transaction that handles its trigger.
    #[default]
    Here,
    /// From a system outside that it calls.
    CallsOutside,
    /// From its own service's rows, when they say that it is over. Until then it is open, by design.
    StaysOpen,
}

impl Runs {
    /// Whether it is in the ledger for a while before it has an outcome.
    #[must_use]
    pub const fn is_answered_later(self) -> bool {
        !matches!(self, Self::Here)
    }

    /// Returns the words that documents add to the step's kind.
    #[must_use]
    pub const fn note(self) -> &'static str {
        match self {
            Self::Here => "",
            Self::CallsOutside => ", calls outside",
            Self::StaysOpen => ", stays open",
        }
    }
}

/// The kind of a step: whether it may refuse, and whether it can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Begins a saga, in its owner.
    Origin,
    /// May refuse, and can be undone.
    Compensatable,
    /// May refuse. Once the saga's owner has recorded its outcome, the saga is never aborted.
    Pivot,
    /// The owner's record of the pivot's outcome. Between it and an abort, the first to commit
    /// wins.
    Decision,
    /// Cannot refuse. What fails too often is a dead letter, which a person sends back.
    Retriable,
}

impl StepKind {
    /// The kind's name in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Compensatable => "compensatable",
            Self::Pivot => "pivot",
            Self::Decision => "decision",
            Self::Retriable => "retriable",
        }
    }

    /// Whether an abort compensates a step of this kind that took effect.
    #[must_use]
    pub const fn can_be_compensated(self) -> bool {
        matches!(self, Self::Compensatable | Self::Pivot)
    }
}

/// An event that a service consumes outside of sagas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubscriptionPart {
    /// The name of the projection.
    pub name: &'static str,
    /// The event.
    pub on: EventType,
}

/// An entity that a service owns and shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharePart {
    /// The entity's name.
    pub entity: &'static str,
    /// The view of the owner's database with the columns `id`, `version` and `state`.
    pub view: &'static str,
    /// The event with which it publishes all entities again.
    pub republished: EventType,
    /// The requests on which it does, one for each reader.
    pub requests: Vec<EventType>,
}

/// A copy of another service's entities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CopyPart {
    /// The entity's name.
    pub entity: &'static str,
    /// The service that owns it.
    pub owner: &'static str,
    /// The events that feed the copy, besides `republished`.
    pub fed_by: Vec<EventType>,
    /// The event with which the owner publishes all entities again.
    pub republished: EventType,
    /// The event by which the reader asks for that. Missing if the entity names none for it.
    pub request: Option<EventType>,
}

impl Part {
    /// The types that the service's queue is bound to.
    #[must_use]
    pub fn consumes(&self) -> Vec<EventType> {
        let mut types: Vec<EventType> = self.subscriptions.iter().map(|s| s.on).collect();
        for saga in &self.sagas {
            let waits_for = |step: &'_ StepPart| [&step.on[..], &step.compensated_by[..]].concat();
            types.extend(saga.steps.iter().flat_map(waits_for));
            types.extend(saga.aborts_on.iter().copied());
            types.extend(saga.deadline.map(|deadline| deadline.passed));
            // An owner aborts in its own transaction and does not consume the event.
            if saga.owner != self.service {
                types.extend(saga.abort);
            }
        }
        types.extend(self.shares.iter().flat_map(|share| &share.requests));
        for copy in &self.copies {
            types.extend(&copy.fed_by);
            types.push(copy.republished);
        }
        types.sort_unstable();
        types.dedup();
        types
    }

    /// The telemetry that the service publishes or reads, each type once.
    #[must_use]
    pub fn uses_telemetry(&self) -> Vec<TelemetryType> {
        System { name: "", parts: vec![self.clone()] }.telemetry()
    }

    /// The types that the service publishes.
    #[must_use]
    pub fn emits(&self) -> Vec<EventType> {
        let mut types = self.publishes.clone();
        for saga in &self.sagas {
            for step in &saga.steps {
                types.push(step.done);
                types.extend(step.refused);
                types.extend(step.compensated);
            }
            if saga.owner == self.service {
                types.extend(saga.abort);
            }
            types.extend(saga.deadline.map(|deadline| deadline.passed));
        }
        types.extend(self.shares.iter().map(|share| share.republished));
        types.extend(self.copies.iter().filter_map(|copy| copy.request));
        types.sort_unstable();
        types.dedup();
        types
    }
}

/// A system: services that share one virtual host.
#[derive(Debug, Clone, Serialize)]
pub struct System {
    /// The system's name, which is also the virtual host's.
    pub name: &'static str,
    /// The parts of its services.
    pub parts: Vec<Part>,
}

impl System {
    /// Every type of telemetry that is published or read in the system. Its publisher's declaration counts.
    #[must_use]
    pub fn telemetry(&self) -> Vec<TelemetryType> {
        let published = self.parts.iter().flat_map(|part| part.telemetry.iter().copied());
        let read = self.parts.iter().flat_map(|part| part.readers.iter().map(|one| one.reads));
        let mut types: Vec<TelemetryType> = Vec::new();
        for one in published.chain(read) {
            if !types.iter().any(|known| known.name() == one.name()) {
                types.push(one);
            }
        }
        types.sort_unstable_by_key(TelemetryType::name);
        types
    }

    /// The producers outside of the system, each with the types that it may publish.
    #[must_use]
    pub fn foreign_producers(&self) -> Vec<(&'static str, Vec<EventType>)> {
        let mut producers: Vec<(&'static str, Vec<EventType>)> = Vec::new();
        for event in self.known_types() {
            for producer in event.foreign_producers() {
                match producers.iter_mut().find(|(name, _)| name == producer) {
                    Some((_, types)) => types.push(event),
                    None => producers.push((producer, vec![event])),
                }
            }
        }
        producers
    }

    /// Every type that is published or consumed in the system.
    #[must_use]
    pub fn known_types(&self) -> Vec<EventType> {
        let mut types: Vec<EventType> =
            self.parts.iter().flat_map(|part| [part.emits(), part.consumes()].concat()).collect();
        types.sort_unstable();
        types.dedup();
        types
    }
}
