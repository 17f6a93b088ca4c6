//! Checks that the events of a saga are those that the contract promises, and that a dead letter is as it must be.

use std::collections::{BTreeMap, BTreeSet};

use ballet::core::{EventType, Reason};
use serde_json::Value;
use uuid::Uuid;

use crate::participant::contract::{Contract, Types};
use crate::participant::rig::record::PublishedMessage;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SagaEnd {
    Done,
    /// Done, then undone.
    Undone,
    Never,
    /// Either `Undone` or `Never`.
    Aborted,
    Refused,
}

/// The number of ids under which each event was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EventCounts {
    done: usize,
    compensated: usize,
    refused: usize,
}

impl EventCounts {
    fn of(types: &Types, saga: Uuid, all: &[PublishedMessage]) -> Self {
        let count = |event: EventType| {
            let of_saga =
                |seen: &&PublishedMessage| seen.is_of(saga) && seen.routing_key == event.name();
            let ids: BTreeSet<&str> =
                all.iter().filter(of_saga).map(|seen| seen.property("message_id")).collect();
            ids.len()
        };
        Self {
            done: count(types.done),
            compensated: count(types.compensated),
            refused: types.refused.map_or(0, count),
        }
    }
}

impl SagaEnd {
    /// Returns what is wrong with the effect and events of a saga.
    pub(crate) fn check(
        self,
        contract: &Contract,
        types: &Types,
        saga: Uuid,
        effect: i64,
        seen: &[PublishedMessage],
    ) -> Result<(), String> {
        let counts = EventCounts::of(types, saga, seen);
        if self.is(contract, effect, counts) {
            return Ok(());
        }
        let EventCounts { done, compensated, refused } = counts;
        Err(format!(
            "saga {saga} should be {self:?}: its effect is {effect} (done: {}), published are \
             {done} of {}, {compensated} of {} and {refused} refusals, counted by ids",
            contract.effect_when_done, types.done, types.compensated
        ))
    }

    fn is(self, contract: &Contract, effect: i64, counts: EventCounts) -> bool {
        let of = |done, compensated| counts == EventCounts { done, compensated, refused: 0 };
        match self {
            Self::Done => effect == contract.effect_when_done && of(1, 0),
            Self::Undone => effect == 0 && of(1, 1),
            Self::Never => effect == 0 && of(0, 0),
            Self::Aborted => effect == 0 && (of(1, 1) || of(0, 0)),
            Self::Refused => {
                effect == 0 && counts == EventCounts { done: 0, compensated: 0, refused: 1 }
            }
        }
    }
}

/// Returns what is wrong with the published events. `sent` holds the ids of the sent messages, by saga.
pub(crate) fn check_events(
    contract: &Contract,
    types: &Types,
    seen: &[PublishedMessage],
    sent: &BTreeMap<Uuid, Vec<Uuid>>,
) -> Result<(), String> {
    for event in seen {
        let saga = sent.iter().find(|(saga, _)| event.is_of(**saga));
        let (saga, sent) =
            saga.ok_or_else(|| format!("`correlation_id` is of no saga: {event:?}"))?;
        let wrong = event_faults(contract, types, event, *saga, sent);
        if !wrong.is_empty() {
            return Err(wrong.join("\n"));
        }
    }
    Ok(())
}

/// Returns which promises for every event are broken.
fn event_faults(
    contract: &Contract,
    types: &Types,
    seen: &PublishedMessage,
    saga: Uuid,
    sent: &[Uuid],
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            wrong.push(format!("{}: {what}: {seen:?}", seen.routing_key));
        }
    };
    let promised = [types.done, types.compensated].into_iter().chain(types.refused);
    let Some(event) = promised.into_iter().find(|event| event.name() == seen.routing_key) else {
        must(false, "an event that the contract does not promise");
        return wrong;
    };
    let expected = contract.body(event, saga);
    must(seen.property("type") == seen.routing_key, "`type` is not the routing key");
    let id = seen.property("message_id").parse::<Uuid>();
    must(id.is_ok_and(|id| id.get_version_num() == 7), "`message_id` is no UUIDv7");
    must(seen.property("app_id") == contract.part.service, "`app_id` is not the service");
    let content_type = seen.property("content_type");
    must(content_type == "application/json", "`content_type` is not JSON");
    must(seen.properties["delivery_mode"] == 2, "`delivery_mode` is not 2, so a restart loses it");
    must(seen.properties["timestamp"].is_i64(), "there is no `timestamp`");
    let cause = seen.header("causation_id").parse::<Uuid>();
    must(cause.is_ok_and(|id| sent.contains(&id)), "`causation_id` is no message of the saga");
    let trace = seen.header("traceparent").split('-').nth(1);
    let of_saga = saga.simple().to_string();
    must(trace == Some(&of_saga), "`traceparent` is not of the trace of its cause");
    let body = serde_json::from_str::<Value>(&seen.body);
    must(body.is_ok_and(|body| body == expected), &format!("the body is not {expected}"));
    wrong
}

/// Checks for the dead letter of a message, with this reason and the unchanged body.
pub(crate) fn check_letter(
    letters: &[Value],
    id: &Value,
    reason: Reason,
    body: &str,
) -> Result<(), String> {
    let letter = letters.iter().find(|letter| letter["properties"]["message_id"] == *id);
    let letter = letter.ok_or_else(|| format!("no dead letter has the id {id}, with {reason}"))?;
    let headers = &letter["properties"]["headers"];
    if headers["x-dead-reason"] != reason.code() {
        return Err(format!("the reason should be {reason}: {letter}"));
    }
    if letter["payload"] != *body {
        return Err(format!("the body should be {body}: {letter}"));
    }
    for name in ["x-dead-detail", "x-dead-at", "x-dead-service"] {
        if headers[name].as_str().is_none_or(str::is_empty) {
            return Err(format!("there is no {name}: {letter}"));
        }
    }
    Ok(())
}
