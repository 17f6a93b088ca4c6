//! Which sagas of a recording a replay can repeat, and how far, by the contracts.

use std::collections::HashMap;

use ballet_core::graph::Graph;
use ballet_core::{EventType, Part, SagaPart, StepKind, System};
use uuid::Uuid;

use crate::stream::record::Record;
use crate::stream::replay::entry::is_event;

/// Why a replay cannot repeat a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hindrance {
    /// The saga needs a request to this service, which learns of it in no other way.
    Request(&'static str),
    /// A deadline passed in it, which only time repeats.
    Deadline,
}

/// The part of a saga that is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SagaScope {
    /// The saga was open when the recording ended, so more events may come.
    pub is_open: bool,
    /// The saga began with a request to this service, whose answers need that request's data.
    pub without: Option<&'static str>,
}

/// Judges the sagas of a recording, with a few bytes for each.
#[derive(Debug)]
pub struct Repeatable {
    system: System,
    /// The types of sagas, by their indexes in [`RecordedSaga::types`].
    places: HashMap<&'static str, usize>,
    /// The events published after requests, with what a replay lacks.
    requested: HashMap<&'static str, Lack>,
    deadlines: Vec<EventType>,
    sagas: HashMap<Uuid, RecordedSaga>,
}

#[derive(Debug, Clone, Copy)]
enum Lack {
    /// The service takes part without knowing of the saga.
    Steps(&'static str),
    /// The service receives the saga's events, and may answer.
    Answers(&'static str),
}

#[derive(Debug, Default)]
struct RecordedSaga {
    types: Vec<u64>,
    request: Option<&'static str>,
    without: Option<&'static str>,
}

impl Repeatable {
    /// Creates a judge for these declarations.
    #[must_use]
    pub fn by(system: &System) -> Self {
        let graph = Graph::new(system.clone());
        let mut places = HashMap::new();
        let mut requested = HashMap::new();
        let mut deadlines = Vec::new();
        for part in &system.parts {
            for saga in &part.sagas {
                deadlines.extend(saga.deadline.map(|deadline| deadline.passed));
                for event in types_of(saga) {
                    let next = places.len();
                    places.entry(event.name()).or_insert(next);
                }
            }
            for event in part.emits() {
                if let Some(lack) = lack(part, event, &graph) {
                    requested.insert(event.name(), lack);
                }
            }
        }
        Self { system: system.clone(), places, requested, deadlines, sagas: HashMap::new() }
    }

    /// Adds a record of the recording.
    pub fn add(&mut self, record: &Record) {
        let name = record.event_type();
        let place = self.places.get(name).copied();
        let lack = self.requested.get(name).copied().filter(|_| record.cause().is_none());
        if !is_event(record) || (place.is_none() && lack.is_none()) {
            return;
        }
        let Some(saga) = record.saga_id() else { return };
        let seen = self.sagas.entry(saga).or_default();
        if let Some(place) = place {
            let (word, bit) = (place / 64, place % 64);
            if seen.types.len() <= word {
                seen.types.resize(word + 1, 0);
            }
            seen.types[word] |= 1 << bit;
        }
        // A foreign producer's event of the same name answers no request.
        let by = |service| (record.service() == Some(service)).then_some(service);
        match lack {
            Some(Lack::Steps(service)) => seen.request = seen.request.or(by(service)),
            Some(Lack::Answers(service)) => seen.without = seen.without.or(by(service)),
            None => {}
        }
    }

    /// Returns why the saga cannot be repeated, if so.
    #[must_use]
    pub fn hindrance(&self, saga: Uuid) -> Option<Hindrance> {
        let seen = self.sagas.get(&saga)?;
        let passed = self.deadlines.iter().any(|passed| self.has(seen, *passed));
        seen.request.map(Hindrance::Request).or(passed.then_some(Hindrance::Deadline))
    }

    /// Returns the part of the saga that is compared.
    #[must_use]
    pub fn scope(&self, saga: Uuid) -> SagaScope {
        let Some(seen) = self.sagas.get(&saga) else { return SagaScope::default() };
        let mut parts = self.system.parts.iter().flat_map(|part| &part.sagas);
        let is_open = parts.any(|part| is_open(part, |event| self.has(seen, event)));
        SagaScope { is_open, without: seen.without }
    }

    fn has(&self, seen: &RecordedSaga, event: EventType) -> bool {
        let place = self.places.get(event.name());
        place.is_some_and(|at| {
            seen.types.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
        })
    }
}

fn types_of(saga: &SagaPart) -> impl Iterator<Item = EventType> {
    let of_steps = saga.steps.iter().flat_map(|step| {
        let outcomes = [Some(step.done), step.refused, step.compensated].into_iter().flatten();
        outcomes.chain(step.on.iter().copied()).chain(step.compensated_by.iter().copied())
    });
    let deadline = saga.deadline.map(|deadline| deadline.passed);
    of_steps.chain(saga.aborts_on.iter().copied()).chain(saga.abort).chain(deadline)
}

/// Returns what a replay lacks of a service that published this event for a request.
fn lack(part: &Part, event: EventType, graph: &Graph) -> Option<Lack> {
    let begun = graph.begun_by(event);
    let takes_part = |saga: &&SagaPart| {
        begun.contains(saga.saga) || outcomes(part, saga).any(|outcome| outcome == event)
    };
    let waits = |saga: &SagaPart| {
        saga.steps.iter().any(|step| step.kind != StepKind::Origin)
            || !saga.aborts_on.is_empty()
            || (saga.owner != part.service && saga.abort.is_some())
    };
    let passed = |saga: &SagaPart| saga.deadline.is_some_and(|deadline| deadline.passed == event);
    if part.sagas.iter().any(passed) {
        return None;
    }
    if part.sagas.iter().filter(takes_part).any(waits) {
        return Some(Lack::Steps(part.service));
    }
    let answers = !part.subscriptions.is_empty() && !part.publishes.is_empty();
    answers.then_some(Lack::Answers(part.service))
}

fn outcomes(part: &Part, saga: &SagaPart) -> impl Iterator<Item = EventType> {
    let outcomes = saga
        .steps
        .iter()
        .flat_map(|step| [Some(step.done), step.refused, step.compensated].into_iter().flatten());
    outcomes.chain(saga.abort.filter(|_| saga.owner == part.service))
}

fn is_open(saga: &SagaPart, has: impl Fn(EventType) -> bool) -> bool {
    let any = |events: &[EventType]| events.iter().any(|event| has(*event));
    let done = |kind| saga.steps.iter().any(|step| step.kind == kind && has(step.done));
    let is_aborted = saga.abort.is_some_and(&has);
    if !is_aborted && !done(StepKind::Decision) {
        let waits_for_decision = saga.deadline.is_some() && done(StepKind::Origin);
        if waits_for_decision || any(&saga.aborts_on) {
            return true;
        }
    }
    saga.steps.iter().any(|step| {
        let is_triggered = !step.on.is_empty() && step.on.iter().all(|event| has(*event));
        // Of several origins on the same event, each under another version, one answers.
        let has_begun = || step.kind == StepKind::Origin && done(StepKind::Origin);
        let is_answered = has(step.done) || step.refused.is_some_and(&has) || has_begun();
        let is_taken_back = is_aborted || any(&step.compensated_by);
        let is_undone = step.compensated.is_none_or(&has);
        (is_triggered && !is_answered && !is_taken_back)
            || (is_taken_back && has(step.done) && !is_undone)
    })
}
