//! The rows that the ledgers have, or will have, by the events of a saga. What a service does without an event is
//! taken for done as soon as it can be: it adds an arrival to a join, it takes back a step whose compensation is silent.

use std::collections::{BTreeMap, HashMap, HashSet};

use ballet_core::{EventType, Part, SagaPart, StepPart, System};
use ballet_store::ledger::entry::Entry;
use ballet_store::ledger::recorded_rows::RecordedRow;
use jiff::Timestamp;

use crate::audit::ledger::Rows;

/// The rows of a service, and what the next ones of each step follow from.
#[derive(Default)]
struct Own {
    rows: Vec<RecordedRow>,
    steps: HashMap<String, Repetitions>,
}

/// The repetitions of a step. They are counted as they come: a saga may have very many.
#[derive(Default)]
struct Repetitions {
    /// How many have an outcome.
    outcomes: usize,
    /// The keys of those that are done and not undone.
    standing: Vec<String>,
}

impl Own {
    fn add(&mut self, row: RecordedRow) {
        let of_step = self.steps.entry(row.step.clone()).or_default();
        match row.entry {
            Entry::Done => {
                of_step.outcomes += 1;
                of_step.standing.push(row.key.clone());
            }
            Entry::Refused => of_step.outcomes += 1,
            Entry::Compensated => drop(of_step.standing.pop_if(|key| *key == row.key)),
            _ => {}
        }
        let ordinal = i32::try_from(self.rows.len()).unwrap_or(i32::MAX);
        self.rows.push(RecordedRow { ordinal, ..row });
    }

    /// The key of the last repetition that is done and not undone.
    fn standing_key(&self, step: &StepPart) -> Option<String> {
        self.steps.get(step.name)?.standing.last().cloned()
    }

    fn next_key(&self, step: &StepPart) -> String {
        match self.steps.get(step.name).map_or(0, |of_step| of_step.outcomes) {
            0 => String::new(),
            before => (before + 1).to_string(),
        }
    }
}

/// The rows after these events, in the order in which they were published.
pub(super) fn rows<'a>(
    system: &'a System,
    published: &(impl Iterator<Item = (&'a str, Timestamp)> + Clone),
) -> Rows<'a> {
    let mut rows: BTreeMap<&str, Own> = BTreeMap::new();
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
            rows.entry(part.service).or_default().add(row);
        }
    }
    for part in &system.parts {
        let own = rows.entry(part.service).or_default();
        for step in part.sagas.iter().flat_map(|saga| &saga.steps) {
            let has_row = own.rows.iter().any(|row| row.step == step.name);
            if has_row || step.on.iter().all(has_come) {
                continue;
            }
            for event in step.on.iter().filter(|event| has_come(event)) {
                let since = published.clone().find(|(name, _)| *name == event.name());
                let at = since.map(|(_, at)| at).unwrap_or_default();
                let arrival = row((step.name, ""), Entry::Arrived, None, at);
                own.add(RecordedRow { arrived: event.name().to_owned(), ..arrival });
            }
        }
    }
    let rows = rows.into_iter().map(|(service, own)| (service, own.rows));
    rows.filter(|(_, own)| !own.is_empty()).collect()
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
    own: &mut Own,
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
        let is_abort = saga.abort.as_ref().is_some_and(is) && !own.rows.is_empty();
        let outcome = match () {
            () if done_by.contains(&step.name) => Some(Entry::Done),
            () if is_refused && !is_abort => Some(Entry::Refused),
            () => None,
        };
        if let Some(outcome) = outcome {
            // Of a step that repeats, the key is in no header: each outcome counts as one of its own.
            let key = own.next_key(step);
            own.add(row((step.name, &key), outcome, Some(name), at));
        }
        if step.compensated.as_ref().is_some_and(is) {
            is_of_a_step = true;
            if let Some(key) = own.standing_key(step) {
                own.add(row((step.name, &key), Entry::Compensated, Some(name), at));
            }
        }
        if step.compensated_by.iter().any(is) {
            let key = own.standing_key(step).unwrap_or_default();
            own.add(row((step.name, &key), Entry::Aborted, None, at));
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
fn aborted(part: &Part, saga: &SagaPart, own: &mut Own, name: &str, at: Timestamp) {
    let published = (saga.owner == part.service).then_some(name);
    own.add(row(("", saga.saga), Entry::Aborted, published, at));
    saga.steps.iter().for_each(|step| silently_undone(own, step, at));
}

/// Takes a step back whose compensation publishes nothing.
fn silently_undone(own: &mut Own, step: &StepPart, at: Timestamp) {
    if step.compensated.is_some() || !step.kind.can_be_compensated() {
        return;
    }
    while let Some(key) = own.standing_key(step) {
        own.add(row((step.name, &key), Entry::Compensated, None, at));
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
