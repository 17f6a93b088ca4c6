//! The sections of a contract, and how each is made from a declaration and read back.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contract::contract_events::ContractEvents;
use crate::contract::error::ContractError;
use crate::events::event::{EventType, Role};
use crate::events::key::Key;
use crate::events::lasting::lasting;
use crate::parts::part::{CopyPart, DeadlinePart, Runs, SagaPart, SharePart, StepKind, StepPart};
use crate::parts::versions::{FIRST, Versions};

/// A service's part in one saga.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SagaLines {
    /// The saga's name.
    pub(crate) saga: String,
    /// The service that decides how the saga ends.
    pub(crate) owner: String,
    /// The event on which all steps of this service are undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) abort: Option<String>,
    /// In the owner: the refusals that it turns into the abort.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) aborts_on: Vec<String>,
    /// In the owner: how long it waits for the decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deadline: Option<DeadlineLines>,
    /// In the owner: the version under which it begins sagas; 1 if it is not there.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub(crate) begins: u32,
    /// The steps of this service.
    pub(crate) steps: Vec<StepLines>,
}

/// How long a saga's owner waits for the decision before it aborts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeadlineLines {
    /// The event that the owner sends itself when the time is over.
    pub(crate) passed: String,
    /// The time from the saga's start to its deadline.
    pub(crate) after: SignedDuration,
}

/// One step, or the origin of a saga.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepLines {
    /// The step's name: verb and noun, `reserve_stock`.
    pub(crate) name: String,
    /// Its kind, which says whether it may refuse and be undone.
    pub(crate) kind: StepKind,
    /// The events that trigger it; several make a join. None for a step that a request from outside
    /// starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) on: Vec<String>,
    /// The event that it emits when done.
    pub(crate) done: String,
    /// The event that it emits when refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
    /// The event that its compensation emits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) compensated: Option<String>,
    /// The events that undo one repetition of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) compensated_by: Vec<String>,
    /// Whether it calls an outside system.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) calls_outside: bool,
    /// Whether it stays open, by design, until its service's rows say that it is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) stays_open: bool,
    /// The first version of the saga that it is of, if it is not of all before `until`.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub(crate) since: u32,
    /// The last version of the saga that it is of, if it is not of all later ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<u32>,
    /// For how long a failure of it is tried again, before it is a dead letter; five minutes and 35 seconds if it is
    /// not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retried_for: Option<SignedDuration>,
}

const fn first() -> u32 {
    FIRST
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants a function of a reference")]
const fn is_first(version: &u32) -> bool {
    *version == FIRST
}

/// An event that a service consumes outside of sagas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubscriptionLines {
    /// The name of the projection.
    pub(crate) name: String,
    /// The event.
    pub(crate) on: String,
}

/// An entity that a service owns and shares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShareLines {
    /// The entity's name.
    pub(crate) entity: String,
    /// The view of the owner's database with the columns `id`, `version` and `state`.
    pub(crate) view: String,
    /// The event with which it publishes all entities anew.
    pub(crate) republished: String,
    /// The requests on which it does, one for each reader.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) requests: Vec<String>,
}

/// A copy of another service's entities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CopyLines {
    /// The entity's name.
    pub(crate) entity: String,
    /// The service that owns it.
    pub(crate) owner: String,
    /// The events that feed the copy, besides `republished`.
    pub(crate) fed_by: Vec<String>,
    /// The event with which the owner publishes all entities anew.
    pub(crate) republished: String,
    /// The event by which the reader asks for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<String>,
}

/// An event that a service publishes or consumes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventLines {
    /// Its name, `<service>.<event>.v<major>`.
    pub(crate) name: String,
    /// Its part in a saga.
    pub(crate) role: Role,
    /// The producers outside of the system that may publish it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) also_from: Vec<String>,
    /// Whether those of one commit may leave as one message, a pack. Only the contract of the service that the event is
    /// named after says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) packs: bool,
    /// Its business keys. Only the contract of the service that the event is named after has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) keys: Vec<KeyLines>,
    /// The JSON schema of its body. That of a consumer needs only what the consumer reads.
    pub(crate) schema: Value,
}

/// A field by which people know what an event is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyLines {
    /// The thing that it names: `order`. Fields of other events that name the same thing have the same key.
    pub(crate) name: String,
    /// The field, with text, a UUID or a number: `order_id`, `total.account`, or in each item of a list
    /// `lines[].sku`.
    pub(crate) field: String,
    /// Whether the service makes the key with this event, so that no value of it was there before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) made_here: bool,
}

impl SagaLines {
    pub(crate) fn of(part: &SagaPart) -> Self {
        let deadline = part
            .deadline
            .map(|deadline| DeadlineLines { passed: name(deadline.passed), after: deadline.after });
        Self {
            saga: part.saga.to_owned(),
            owner: part.owner.to_owned(),
            abort: part.abort.map(name),
            aborts_on: names(&part.aborts_on),
            deadline,
            begins: part.begins,
            steps: part.steps.iter().map(StepLines::of).collect(),
        }
    }

    pub(crate) fn part(&self, known: &ContractEvents<'_>) -> Result<SagaPart, ContractError> {
        let deadline = self.deadline.as_ref().map(|deadline| {
            Ok(DeadlinePart { passed: known.event(&deadline.passed)?, after: deadline.after })
        });
        Ok(SagaPart {
            saga: lasting(&self.saga),
            owner: lasting(&self.owner),
            abort: known.maybe(self.abort.as_ref())?,
            aborts_on: known.events(&self.aborts_on)?,
            deadline: deadline.transpose()?,
            begins: self.begins,
            steps: self.steps.iter().map(|step| step.part(known)).collect::<Result<_, _>>()?,
        })
    }
}

impl StepLines {
    pub(crate) fn of(part: &StepPart) -> Self {
        Self {
            name: part.name.to_owned(),
            kind: part.kind,
            on: names(&part.on),
            done: name(part.done),
            refused: part.refused.map(name),
            compensated: part.compensated.map(name),
            compensated_by: names(&part.compensated_by),
            calls_outside: part.runs == Runs::CallsOutside,
            stays_open: part.runs == Runs::StaysOpen,
            since: part.versions.first(),
            until: part.versions.last(),
            retried_for: part.retried_for,
        }
    }

    pub(crate) fn part(&self, known: &ContractEvents<'_>) -> Result<StepPart, ContractError> {
        Ok(StepPart {
            name: lasting(&self.name),
            kind: self.kind,
            on: known.events(&self.on)?,
            done: known.event(&self.done)?,
            refused: known.maybe(self.refused.as_ref())?,
            compensated: known.maybe(self.compensated.as_ref())?,
            compensated_by: known.events(&self.compensated_by)?,
            runs: self.runs(),
            versions: self.versions(),
            retried_for: self.retried_for,
        })
    }
}

impl StepLines {
    const fn runs(&self) -> Runs {
        match (self.stays_open, self.calls_outside) {
            (true, _) => Runs::StaysOpen,
            (false, true) => Runs::CallsOutside,
            (false, false) => Runs::Here,
        }
    }

    fn versions(&self) -> Versions {
        let since = Versions::ALL.since(self.since);
        self.until.map_or(since, |until| since.until(until))
    }
}

impl ShareLines {
    pub(crate) fn of(part: &SharePart) -> Self {
        Self {
            entity: part.entity.to_owned(),
            view: part.view.to_owned(),
            republished: name(part.republished),
            requests: names(&part.requests),
        }
    }

    pub(crate) fn part(&self, known: &ContractEvents<'_>) -> Result<SharePart, ContractError> {
        Ok(SharePart {
            entity: lasting(&self.entity),
            view: lasting(&self.view),
            republished: known.event(&self.republished)?,
            requests: known.events(&self.requests)?,
        })
    }
}

impl CopyLines {
    pub(crate) fn of(part: &CopyPart) -> Self {
        Self {
            entity: part.entity.to_owned(),
            owner: part.owner.to_owned(),
            fed_by: names(&part.fed_by),
            republished: name(part.republished),
            request: part.request.map(name),
        }
    }

    pub(crate) fn part(&self, known: &ContractEvents<'_>) -> Result<CopyPart, ContractError> {
        Ok(CopyPart {
            entity: lasting(&self.entity),
            owner: lasting(&self.owner),
            fed_by: known.events(&self.fed_by)?,
            republished: known.event(&self.republished)?,
            request: known.maybe(self.request.as_ref())?,
        })
    }
}

impl KeyLines {
    pub(crate) fn of(key: &Key) -> Self {
        Self {
            name: key.name().to_owned(),
            field: key.field().to_owned(),
            made_here: key.is_made_here(),
        }
    }

    pub(crate) fn key(&self) -> Key {
        let key = Key::of(lasting(&self.name), lasting(&self.field));
        if self.made_here { key.made_here() } else { key }
    }
}

pub(crate) fn name(event: EventType) -> String {
    event.name().to_owned()
}

pub(crate) fn names(events: &[EventType]) -> Vec<String> {
    events.iter().copied().map(name).collect()
}
