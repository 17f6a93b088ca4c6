//! Judges one saga's ledger rows, in one service and across services.

use std::collections::{BTreeMap, HashSet};

use ballet_core::{EventType, Part, SagaPart, StepKind, StepPart, System, is_tombstone_of};
use ballet_store::ledger::entry::Entry;
use ballet_store::ledger::recorded_rows::RecordedRow;
use ballet_store::ledger::standing::StepDeclaration;
use jiff::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnfinishedWork<'a> {
    pub(crate) service: &'a str,
    pub(crate) what: String,
    /// The event on which it has not acted.
    pub(crate) event_type: Option<String>,
    /// The time since which it is due.
    pub(crate) since: Timestamp,
}

pub(crate) type RowsByService<'a> = BTreeMap<&'a str, Vec<RecordedRow>>;

/// The entries by step and key, each with its ordinal.
type StepEntries<'a> = BTreeMap<(&'a str, &'a str), BTreeMap<Entry, i32>>;

fn entries_of(rows: &[RecordedRow]) -> StepEntries<'_> {
    let mut all = StepEntries::new();
    for row in rows {
        let entries = all.entry((&row.step, &row.key)).or_default();
        // The arrivals of a join share an entry. The first one counts.
        entries.entry(row.entry).or_insert(row.ordinal);
    }
    all
}

pub(crate) fn aborts(part: &Part, row: &RecordedRow, saga: &SagaPart) -> bool {
    let sagas = part.sagas.iter().map(|saga| saga.saga);
    row.step.is_empty()
        && row.entry == Entry::Aborted
        && is_tombstone_of(saga.saga, sagas, &row.key)
}

fn tombstone<'r>(
    part: &Part,
    rows: &'r [RecordedRow],
    at: (&str, &str),
) -> Option<&'r RecordedRow> {
    let saga = part.sagas.iter().find(|saga| saga.steps.iter().any(|step| step.name == at.0));
    let with_saga = |row: &RecordedRow| match saga {
        Some(saga) => aborts(part, row, saga),
        None => row.step.is_empty() && row.entry == Entry::Aborted,
    };
    let alone = |row: &RecordedRow| row.entry == Entry::Aborted && (&*row.step, &*row.key) == at;
    let aborts = rows.iter().filter(|row| alone(row) || with_saga(row));
    aborts.min_by_key(|row| row.ordinal)
}

fn step<'a>(part: &'a Part, name: &str) -> Option<&'a StepPart> {
    part.sagas.iter().flat_map(|saga| &saga.steps).find(|step| step.name == name)
}

fn is_removed(part: &Part, row: &RecordedRow) -> bool {
    !row.step.is_empty() && step(part, &row.step).is_none()
}

fn can_be_compensated(part: &Part, name: &str) -> bool {
    step(part, name)
        .map_or(StepDeclaration::Unknown, |step| StepDeclaration::Step(step.kind))
        .can_be_compensated()
}

/// A removed step has no declaration: the owner's first row counts as the beginning.
fn is_origin(part: &Part, rows: &[RecordedRow], name: &str) -> bool {
    match step(part, name) {
        Some(step) => step.kind == StepKind::Origin,
        None => {
            is_aborted(part, rows)
                && rows.iter().min_by_key(|row| row.ordinal).is_some_and(|row| row.step == name)
        }
    }
}

fn name((step, key): (&str, &str)) -> String {
    if key.is_empty() { step.to_owned() } else { format!("{step} {key}") }
}

/// Describes the contradictions among the rows, which are wrong at any moment.
pub(crate) fn contradictions(part: &Part, rows: &[RecordedRow]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut ordinals = HashSet::new();
    for row in rows.iter().filter(|row| !ordinals.insert(row.ordinal)) {
        wrong.push(format!(
            "{} {} has the ordinal of another row: two transactions worked on the saga at once",
            row.entry.as_str(),
            row.step
        ));
    }
    let all = entries_of(rows);
    for (at, entries) in all.iter().filter(|(at, _)| !at.0.is_empty()) {
        let has = |entry| entries.contains_key(&entry);
        let name = name(*at);
        if has(Entry::Done) && has(Entry::Refused) {
            wrong.push(format!("{name} is both done and refused"));
        }
        if (has(Entry::Compensating) || has(Entry::Compensated)) && !has(Entry::Done) {
            wrong.push(format!("{name} is undone, but was never done"));
        }
        let tombstone = tombstone(part, rows, *at).map(|row| row.ordinal);
        let undone = [Entry::Compensating, Entry::Compensated]
            .iter()
            .filter_map(|entry| entries.get(entry))
            .min();
        if let Some(undone) = undone
            && tombstone.is_none_or(|tombstone| tombstone > *undone)
        {
            wrong.push(format!("{name} is undone, but nothing asked for that"));
        }
        let begun = [Entry::Arrived, Entry::Calling, Entry::Done, Entry::Refused];
        let begun = begun.iter().filter_map(|entry| entries.get(entry)).min();
        if let (Some(begun), Some(tombstone)) = (begun, tombstone)
            && *begun > tombstone
        {
            wrong.push(format!("{name} took effect after the abort"));
        }
        let decides = step(part, at.0).is_some_and(|step| step.kind == StepKind::Decision);
        if decides && has(Entry::Done) && tombstone.is_some() {
            wrong.push(format!("the saga is aborted, although {name} has decided it"));
        }
    }
    wrong.extend(undone_too_early(part, &all));
    wrong
}

/// Undos run in reverse: a later step of the saga is undone first.
fn undone_too_early(part: &Part, all: &StepEntries<'_>) -> Vec<String> {
    let alone = |entries: &BTreeMap<Entry, i32>| entries.contains_key(&Entry::Aborted);
    let mut wrong = Vec::new();
    for saga in &part.sagas {
        let undone = all.iter().filter(|((step, _), entries)| {
            StepDeclaration::of(part, saga.saga, step).can_be_compensated() && !alone(entries)
        });
        let of = |entries: &BTreeMap<Entry, i32>, entry| entries.get(&entry).copied();
        let mut undone: Vec<_> = undone
            .filter_map(|(at, entries)| {
                Some((of(entries, Entry::Done)?, of(entries, Entry::Compensated)?, *at))
            })
            .collect();
        undone.sort_unstable();
        let early = undone.windows(2).filter(|pair| pair[0].1 < pair[1].1);
        wrong.extend(early.map(|pair| {
            format!("{} is undone before the later {}", name(pair[0].2), name(pair[1].2))
        }));
    }
    // Each saga reports a pair of unknown steps.
    wrong.dedup();
    wrong
}

/// Returns work begun and not finished for a saga. `has_call` says whether a step and key have an open call.
pub(crate) fn unfinished<'a>(
    part: &'a Part,
    rows: &[RecordedRow],
    has_call: impl Fn(&str, &str) -> bool,
) -> Vec<UnfinishedWork<'a>> {
    let all = entries_of(rows);
    let mut left = Vec::new();
    for (at, entries) in all.iter().filter(|(at, _)| !at.0.is_empty()) {
        let has = |entry| entries.contains_key(&entry);
        let name = name(*at);
        let abort = tombstone(part, rows, *at);
        // The rows of a removed version stay for months. A step that has ended needs no more.
        let has_outcome = has(Entry::Compensated) || has(Entry::Refused);
        let has_ended = match abort {
            _ if has_outcome => true,
            None => has(Entry::Done) && !has(Entry::Compensating),
            Some(_) if has(Entry::Done) => !has(Entry::Compensating) && is_origin(part, rows, at.0),
            Some(_) => !has(Entry::Calling),
        };
        let what = if has_ended {
            continue;
        } else if step(part, at.0).is_none() {
            format!("has rows of {name}, which is not a step of this version")
        } else if has(Entry::Compensating) {
            if has_call(at.0, at.1) {
                continue;
            }
            format!("is undoing {name}, but no table has the call for it")
        } else if has(Entry::Done) {
            if abort.is_none() || !can_be_compensated(part, at.0) {
                continue;
            }
            format!("has done {name} in an aborted saga, but has not undone it")
        } else if has(Entry::Calling) && !has_call(at.0, at.1) {
            format!("has begun {name}, but no table has the call for it")
        } else {
            continue;
        };
        // A step that was done long ago waits only since its abort.
        let of_step = rows.iter().filter(|row| (&*row.step, &*row.key) == *at).chain(abort);
        let since = of_step.map(|row| row.recorded_at).max().unwrap_or_default();
        left.push(UnfinishedWork { service: part.service, what, event_type: None, since });
    }
    left
}

/// Returns the saga's events on which a service should have acted and has not. For an old saga without rows, the
/// service may have forgotten.
pub(crate) fn not_acted_on<'a>(
    system: &'a System,
    rows: &RowsByService<'_>,
    may_be_forgotten: bool,
) -> Vec<UnfinishedWork<'a>> {
    let mut left = Vec::new();
    for by in &system.parts {
        let own = rows.get(by.service).map_or(&[][..], Vec::as_slice);
        for row in published(by, own) {
            let Some(event_type) = row.event_type.as_deref() else { continue };
            for part in &system.parts {
                let theirs = rows.get(part.service).map_or(&[][..], Vec::as_slice);
                if may_be_forgotten && theirs.is_empty() {
                    continue;
                }
                if !part.sagas.iter().all(|saga| has_acted(part, saga, event_type, theirs)) {
                    left.push(UnfinishedWork {
                        service: part.service,
                        what: format!("has not acted on {event_type}"),
                        event_type: Some(event_type.to_owned()),
                        since: row.recorded_at,
                    });
                }
            }
        }
    }
    left
}

pub(crate) fn published<'a>(part: &Part, rows: &'a [RecordedRow]) -> Vec<&'a RecordedRow> {
    let is_published = |row: &&RecordedRow| match row.entry {
        // The outcome of a call that came after the abort is not published.
        Entry::Done | Entry::Refused => tombstone(part, rows, (&row.step, &row.key))
            .is_none_or(|abort| abort.ordinal > row.ordinal),
        Entry::Compensated => true,
        // The owner publishes its abort; elsewhere the row says that the abort arrived. A step that refuses with the
        // abort itself has its own row for that event.
        Entry::Aborted => {
            let refuses = |other: &RecordedRow| {
                other.entry == Entry::Refused && other.event_type == row.event_type
            };
            is_aborted(part, std::slice::from_ref(*row)) && !rows.iter().any(refuses)
        }
        Entry::Arrived | Entry::Calling | Entry::Compensating => false,
    };
    rows.iter().filter(is_published).filter(|row| row.event_type.is_some()).collect()
}

pub(crate) fn is_aborted(part: &Part, rows: &[RecordedRow]) -> bool {
    let owned = || part.sagas.iter().filter(|saga| saga.owner == part.service);
    rows.iter().any(|row| owned().any(|saga| aborts(part, row, saga)))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UndecidedSaga<'a> {
    pub(crate) owner: &'a str,
    pub(crate) expected: Vec<&'a EventType>,
    /// The time of the owner's last row.
    pub(crate) since: Timestamp,
}

/// Whether a removed step did the work of this kind, by publishing another version of the declared step's event.
fn did_work_of(part: &Part, saga: &SagaPart, kind: StepKind, row: &RecordedRow) -> bool {
    let is_of_kind = |event: &str| {
        let mut steps = saga.steps.iter().filter(|step| step.kind == kind);
        steps.any(|step| unversioned(step.done.name()) == unversioned(event))
    };
    row.entry == Entry::Done
        && is_removed(part, row)
        && row.event_type.as_deref().is_some_and(is_of_kind)
}

fn unversioned(event: &str) -> &str {
    event.rsplit_once(".v").map_or(event, |(name, _)| name)
}

/// Returns the sagas that this service has begun and should have decided. A saga without a decision ends when nothing
/// is left to do.
pub(crate) fn undecided<'a>(part: &'a Part, rows: &[RecordedRow]) -> Vec<UndecidedSaga<'a>> {
    let is = |step: &StepPart, entry: Entry| {
        rows.iter().any(|row| row.step == step.name && row.entry == entry)
    };
    let mut undecided = Vec::new();
    for saga in part.sagas.iter().filter(|saga| saga.owner == part.service) {
        let of_kind = |kind: StepKind| saga.steps.iter().filter(move |step| step.kind == kind);
        let is_aborted = rows.iter().any(|row| aborts(part, row, saga));
        // Also by a removed version.
        let has_done = |kind: StepKind| {
            of_kind(kind).any(|step| is(step, Entry::Done))
                || rows.iter().any(|row| did_work_of(part, saga, kind, row))
        };
        let (has_begun, is_decided) = (has_done(StepKind::Origin), has_done(StepKind::Decision));
        if is_aborted || !has_begun || is_decided || of_kind(StepKind::Decision).next().is_none() {
            continue;
        }
        let arrived = |event: &EventType| rows.iter().any(|row| row.arrived == event.name());
        let versions = saga.versions_with(rows.iter().map(|row| row.step.as_str()));
        let decisions = of_kind(StepKind::Decision).filter(|step| step.versions.meets(versions));
        let expected = decisions.flat_map(|step| &step.on);
        let expected = expected.chain(&saga.aborts_on).filter(|event| !arrived(event)).collect();
        let since = rows.iter().map(|row| row.recorded_at).max().unwrap_or_default();
        undecided.push(UndecidedSaga { owner: part.service, expected, since });
    }
    undecided
}

pub(crate) fn has_acted(
    part: &Part,
    saga: &SagaPart,
    event_type: &str,
    rows: &[RecordedRow],
) -> bool {
    let is = |event: &EventType| event.name() == event_type;
    if rows.iter().any(|row| aborts(part, row, saga)) {
        return true;
    }
    let owns = saga.owner == part.service;
    if !owns && saga.abort.as_ref().is_some_and(is) {
        return false;
    }
    let has = |step: &StepPart, entry: &dyn Fn(&RecordedRow) -> bool| {
        rows.iter().any(|row| row.step == step.name && entry(row))
    };
    // Several versions may have an origin on the same event, of which one begins the saga, and a release may have
    // removed that one.
    let has_begun = || {
        let mut origins = saga.steps.iter().filter(|step| step.kind == StepKind::Origin);
        origins.any(|step| has(step, &|_| true)) || rows.iter().any(|row| is_removed(part, row))
    };
    let acted = |step: &StepPart| {
        let arrived = |row: &RecordedRow| row.entry != Entry::Arrived || row.arrived == event_type;
        let has_acted = || has(step, &arrived) || (step.kind == StepKind::Origin && has_begun());
        (!step.on.iter().any(is) || has_acted())
            && (!step.compensated_by.iter().any(is)
                || has(step, &|row| row.entry == Entry::Aborted))
    };
    let decided =
        || saga.steps.iter().any(|step| step.kind == StepKind::Decision && has(step, &|_| true));
    saga.steps.iter().all(acted) && (!saga.aborts_on.iter().any(is) || decided())
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
