//! What a participant owes, as far as it can be seen from the outside.

use ballet::core::part::StepPart;
use ballet::core::{EventType, Part};
use serde_json::Value;
use uuid::Uuid;

/// What a program promises: one compensatable step, and what it leaves.
///
/// The functions return the bodies of the saga's events. Their effects must differ from saga to
/// saga, so that a query can find those of one.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The part that the program declares. Its queue, its bindings and its rights follow from it.
    pub part: Part,
    /// The name of the step that is tried.
    pub step: &'static str,
    /// The event that triggers the step.
    pub trigger: fn(Uuid) -> Value,
    /// The event that the step publishes when it is done.
    pub done: fn(Uuid) -> Value,
    /// The event that aborts the saga.
    pub abort: fn(Uuid) -> Value,
    /// The event that the compensation publishes.
    pub compensated: fn(Uuid) -> Value,
    /// SQL for rows that have to exist before the first message comes. The program has made its
    /// tables by then.
    pub reference: &'static str,
    /// A query for what the step of a saga, `$1`, has left: one `bigint`. No row, null and 0 mean
    /// that there is nothing, or that it is undone.
    pub effect: &'static str,
    /// What the query finds when the step has taken effect once.
    pub effect_when_done: i64,
}

/// The types of the events in a contract.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Types {
    pub(crate) trigger: EventType,
    pub(crate) done: EventType,
    pub(crate) abort: EventType,
    pub(crate) compensated: EventType,
}

impl Contract {
    /// The types of the step, or what is missing in the declaration.
    pub(crate) fn types(&self) -> Result<Types, String> {
        let service = self.part.service;
        let is_it = |step: &&StepPart| step.name == self.step;
        let mut sagas = self.part.sagas.iter();
        let found = sagas.find_map(|saga| Some((saga, saga.steps.iter().find(is_it)?)));
        let (saga, step) =
            found.ok_or_else(|| format!("{service} declares no step {}", self.step))?;
        let what = |what: &str| format!("{service} declares no {what} for {}", self.step);
        Ok(Types {
            trigger: *step.on.first().ok_or_else(|| what("trigger"))?,
            done: step.done,
            abort: saga.abort.ok_or_else(|| what("abort"))?,
            compensated: step.compensated.ok_or_else(|| what("compensation"))?,
        })
    }
}
