//! The rows that the ledgers have, or will have, by the events of a saga. What a service does without an event is
//! taken for done as soon as it can be: it adds an arrival to a join, it takes back a step whose compensation is silent.

use std::collections::HashSet;

use ballet_core::{EventType, Part, SagaPart, StepPart, System};
use ballet_store::ledger::entry::Entry;
use ballet_store::ledger::recorded::RecordedRow;
use jiff::Timestamp;

use crate::audit::ledger::Rows;

/// The rows after these events, in the order in which they were published.
pub(super) fn rows<'a>(
    system: &'a System,
    published: &(impl Iterator<Item = (&'a str, Timestamp)> + Clone),
) -> Rows<'a> {
    let mut rows = Rows::new();
    let come: HashSet<&str> = published.clone().map(|(name, _)| name).collect();
    let has_come = |event: &EventType| come.contains(event.name());
    for (name, at) in published.clone() {
        let mut is_of_a_step = false;
        for part in &system.parts {
            for saga in &part.sagas {
                let own = rows.entry(part.service).or_default();
                is_of_a_step |= of_steps(saga, own, (name, at), &has_come);
                if saga.abort.is_some_and(|abort| abort.name() == name) {
                    is_of_a_step = true;
                    aborted(part, saga, own, name, at);
                }
            }
        }
        if !is_of_a_step && let Some(part) = named_after(system, name) {
            // It is in no ledger. A row without a step is a published event, and nothing else.
            let row = row(("", ""), Entry::Compensated, Some(name), at);
            add(rows.entry(part.service).or_default(), row);
        }
    }
    for part in &system.parts {
        let own = rows.entry(part.service).or_default();
        for step in part.sagas.iter().flat_map(|saga| &saga.steps) {
            let has_row = own.iter().any(|row| row.step == step.name);
            if has_row || step.on.iter().all(has_come) {
                continue;
            }
            for event in step.on.iter().filter(|event| has_come(event)) {
                let since = published.clone().find(|(name, _)| *name == event.name());
                let at = since.map(|(_, at)| at).unwrap_or_default();
                let arrival = row((step.name, ""), Entry::Arrived, None, at);
                add(own, RecordedRow { arrived: event.name().to_owned(), ..arrival });
            }
        }
    }
    rows.retain(|_, own| !own.is_empty());
    rows
}

/// The service that an event is named after. One that is not of this system is consumed by another.
fn named_after<'a>(system: &'a System, name: &str) -> Option<&'a Part> {
    let service = name.split('.').next();
    let consumes = |part: &&Part| part.consumes().iter().any(|event| event.name() == name);
    let mut named = system.parts.iter().filter(|part| Some(part.service) == service);
    named.next().or_else(|| system.parts.iter().find(consumes))
}

/// Adds what an event says of a service's steps. Returns whether one of them publishes it.
fn of_steps(
    saga: &SagaPart,
    own: &mut Vec<RecordedRow>,
    (name, at): (&str, Timestamp),
    has_come: &dyn Fn(&EventType) -> bool,
) -> bool {
    let is = |event: &EventType| event.name() == name;
    let done_by = done_by(saga, name, has_come);
    let mut is_of_a_step = !done_by.is_empty();
    for step in &saga.steps {
        let is_refused = step.refused.as_ref().is_some_and(is);
        is_of_a_step |= is_refused;
        // The event with which an origin refuses may also be the abort of what it has begun.
        let is_abort = saga.abort.as_ref().is_some_and(is) && !own.is_empty();
        let outcome = match () {
            () if done_by.contains(&step.name) => Some(Entry::Done),
            () if is_refused && !is_abort => Some(Entry::Refused),
            () => None,
        };
        if let Some(outcome) = outcome {
            // Of a step that repeats, the key is in no header: each outcome counts as one of its own.
            let key = next_key(own, step);
            add(own, row((step.name, &key), outcome, Some(name), at));
        }
        if step.compensated.as_ref().is_some_and(is) {
            is_of_a_step = true;
            if let Some(key) = standing_key(own, step) {
                add(own, row((step.name, &key), Entry::Compensated, Some(name), at));
            }
        }
        if step.compensated_by.iter().any(is) {
            let key = standing_key(own, step).unwrap_or_default();
            add(own, row((step.name, &key), Entry::Aborted, None, at));
            silently_undone(own, step, at);
        }
    }
    is_of_a_step
}

/// The steps that have published this outcome. Where several may have begun a saga with it, it is the one whose event
/// has come, or else the one that waits for none.
fn done_by(
    saga: &SagaPart,
    name: &str,
    has_come: &dyn Fn(&EventType) -> bool,
) -> Vec<&'static str> {
    let all = || saga.steps.iter().filter(|step| step.done.name() == name);
    let caused: Vec<&str> =
        all().filter(|step| step.on.iter().any(has_come)).map(|step| step.name).collect();
    if !caused.is_empty() {
        return caused;
    }
    let free: Vec<&str> = all().filter(|step| step.on.is_empty()).map(|step| step.name).collect();
    if free.is_empty() { all().map(|step| step.name).collect() } else { free }
}

/// Adds the tombstones: the owner's is published, those of the others follow it.
fn aborted(part: &Part, saga: &SagaPart, own: &mut Vec<RecordedRow>, name: &str, at: Timestamp) {
    let published = (saga.owner == part.service).then_some(name);
    add(own, row(("", saga.saga), Entry::Aborted, published, at));
    saga.steps.iter().for_each(|step| silently_undone(own, step, at));
}

/// Takes a step back whose compensation publishes nothing.
fn silently_undone(own: &mut Vec<RecordedRow>, step: &StepPart, at: Timestamp) {
    if step.compensated.is_some() || !step.kind.can_be_compensated() {
        return;
    }
    while let Some(key) = standing_key(own, step) {
        add(own, row((step.name, &key), Entry::Compensated, None, at));
    }
}

/// The key of the last repetition that is done and not undone.
fn standing_key(own: &[RecordedRow], step: &StepPart) -> Option<String> {
    let of_step = |row: &&RecordedRow| row.step == step.name;
    let is_undone = |key: &str| {
        own.iter().filter(of_step).any(|row| row.key == key && row.entry == Entry::Compensated)
    };
    let mut done = own.iter().rev().filter(of_step).filter(|row| row.entry == Entry::Done);
    done.find(|row| !is_undone(&row.key)).map(|row| row.key.clone())
}

fn next_key(own: &[RecordedRow], step: &StepPart) -> String {
    let is_outcome = |row: &&RecordedRow| {
        row.step == step.name && matches!(row.entry, Entry::Done | Entry::Refused)
    };
    match own.iter().filter(is_outcome).count() {
        0 => String::new(),
        before => (before + 1).to_string(),
    }
}

fn row(
    (step, key): (&str, &str),
    entry: Entry,
    event: Option<&str>,
    recorded_at: Timestamp,
) -> RecordedRow {
    RecordedRow {
        step: step.to_owned(),
        key: key.to_owned(),
        entry,
        arrived: String::new(),
        ordinal: 0,
        event_type: event.map(str::to_owned),
        recorded_at,
    }
}

fn add(own: &mut Vec<RecordedRow>, row: RecordedRow) {
    let ordinal = i32::try_from(own.len()).unwrap_or(i32::MAX);
    own.push(RecordedRow { ordinal, ..row });
}
