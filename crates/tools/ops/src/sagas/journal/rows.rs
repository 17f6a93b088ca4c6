//! Derives ledger rows from a saga's events. Work without an event, such as an arrival at a join or a silent
//! compensation, counts as done as soon as possible.

use std::collections::{BTreeMap, HashMap, HashSet};

use ballet_core::{EventType, Part, SagaPart, StepPart, System};
use ballet_store::ledger::entry::Entry;
use ballet_store::ledger::recorded_rows::RecordedRow;
use jiff::Timestamp;

use crate::audit::ledger::RowsByService;

/// The rows of a service, and the state that determines the next ones.
#[derive(Default)]
struct ServiceRows {
    rows: Vec<RecordedRow>,
    steps: HashMap<String, Repetitions>,
}

/// A step's repetitions, counted on the way since a saga may have thousands.
#[derive(Default)]
struct Repetitions {
    outcomes: usize,
    /// The keys that are done and not undone.
    standing: Vec<String>,
}

impl ServiceRows {
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

pub(super) fn rows<'a>(
    system: &'a System,
    published: &(impl Iterator<Item = (&'a str, Timestamp)> + Clone),
) -> RowsByService<'a> {
    let mut rows: BTreeMap<&str, ServiceRows> = BTreeMap::new();
    let come: HashSet<&str> = published.clone().map(|(name, _)| name).collect();
    let has_come = |event: &EventType| come.contains(event.name());
    for (name, at) in published.clone() {
        let mut is_of_a_step = false;
        for part in &system.parts {
            for saga in &part.sagas {
                let own = rows.entry(part.service).or_default();
                is_of_a_step |= add_step_rows(saga, own, (name, at), &has_come);
                if saga.abort.is_some_and(|abort| abort.name() == name) {
                    is_of_a_step = true;
                    add_abort(part, saga, own, name, at);
                }
            }
        }
        if !is_of_a_step && let Some(part) = named_after(system, name) {
            // No ledger has it. A row without a step is a published event alone.
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

/// Returns the service named by the event or, for an outside one, a consumer of the event.
fn named_after<'a>(system: &'a System, name: &str) -> Option<&'a Part> {
    let service = name.split('.').next();
    let consumes = |part: &&Part| part.consumes().iter().any(|event| event.name() == name);
    let mut named = system.parts.iter().filter(|part| Some(part.service) == service);
    named.next().or_else(|| system.parts.iter().find(consumes))
}

/// Adds the rows that an event implies. Returns whether a step of the service publishes it.
fn add_step_rows(
    saga: &SagaPart,
    own: &mut ServiceRows,
    (name, at): (&str, Timestamp),
    has_come: &dyn Fn(&EventType) -> bool,
) -> bool {
    let is = |event: &EventType| event.name() == name;
    let done_by = done_by(saga, name, has_come);
    let mut is_of_a_step = !done_by.is_empty();
    for step in &saga.steps {
        let is_refused = step.refused.as_ref().is_some_and(is);
        is_of_a_step |= is_refused;
        // An origin may refuse with the abort of the saga that it began.
        let is_abort = saga.abort.as_ref().is_some_and(is) && !own.rows.is_empty();
        let outcome = match () {
            () if done_by.contains(&step.name) => Some(Entry::Done),
            () if is_refused && !is_abort => Some(Entry::Refused),
            () => None,
        };
        if let Some(outcome) = outcome {
            // No header has a repeated step's key, so each outcome counts as a repetition.
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
            add_silent_compensations(own, step, at);
        }
    }
    is_of_a_step
}

/// Returns the steps that published this outcome. Among several possible origins these are the steps whose event has
/// come, or else those that wait for none.
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

/// Adds the tombstones: the owner's is published, the others follow it.
fn add_abort(part: &Part, saga: &SagaPart, own: &mut ServiceRows, name: &str, at: Timestamp) {
    let published = (saga.owner == part.service).then_some(name);
    own.add(row(("", saga.saga), Entry::Aborted, published, at));
    saga.steps.iter().for_each(|step| add_silent_compensations(own, step, at));
}

fn add_silent_compensations(own: &mut ServiceRows, step: &StepPart, at: Timestamp) {
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
