//! What the ledger rows of one saga say, in one service and over all of them.

use std::collections::{BTreeMap, HashSet};

use ballet_core::{Part, SagaPart, StepKind, StepPart, System};
use jiff::Timestamp;

/// A row of the ledger, without its body.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) step: String,
    pub(super) key: String,
    pub(super) entry: String,
    pub(super) arrived: String,
    pub(super) ordinal: i32,
    pub(super) event_type: Option<String>,
    pub(super) recorded_at: Timestamp,
}

/// All rows of one saga, by service, in the order in which they were added.
pub(super) type Rows<'a> = BTreeMap<&'a str, Vec<Row>>;

/// What has no step: the tombstone of the whole saga.
const WHOLE: (&str, &str) = ("", "");

/// One repetition of a step, or the tombstone: what was recorded of it, and when in the order of
/// the saga's rows.
type Places<'a> = BTreeMap<(&'a str, &'a str), BTreeMap<&'a str, i32>>;

fn places(rows: &[Row]) -> Places<'_> {
    let mut places = Places::new();
    for row in rows {
        let entries = places.entry((&row.step, &row.key)).or_default();
        // A join's arrivals share an entry: the first counts.
        entries.entry(&row.entry).or_insert(row.ordinal);
    }
    places
}

/// When a step was told to be undone: with the whole saga, or alone.
fn tombstone(places: &Places<'_>, at: (&str, &str)) -> Option<i32> {
    let of = |at| places.get(&at).and_then(|entries| entries.get("aborted")).copied();
    of(WHOLE).into_iter().chain(of(at)).min()
}

fn step<'a>(part: &'a Part, name: &str) -> Option<&'a StepPart> {
    part.sagas.iter().flat_map(|saga| &saga.steps).find(|step| step.name == name)
}

fn can_be_undone(part: &Part, name: &str) -> bool {
    step(part, name)
        .is_some_and(|step| matches!(step.kind, StepKind::Compensatable | StepKind::Pivot))
}

fn name((step, key): (&str, &str)) -> String {
    if key.is_empty() { step.to_owned() } else { format!("{step} {key}") }
}

/// What can never be, whenever one looks.
pub(super) fn contradictions(part: &Part, rows: &[Row]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut ordinals = HashSet::new();
    for row in rows.iter().filter(|row| !ordinals.insert(row.ordinal)) {
        wrong.push(format!(
            "{} {} was added beside another row: two transactions worked on the saga at once",
            row.entry, row.step
        ));
    }
    let places = places(rows);
    for (at, entries) in places.iter().filter(|(at, _)| **at != WHOLE) {
        let has = |entry: &str| entries.contains_key(entry);
        let name = name(*at);
        if has("done") && has("refused") {
            wrong.push(format!("{name} is both done and refused"));
        }
        if (has("undoing") || has("undone")) && !has("done") {
            wrong.push(format!("{name} is undone, and was never done"));
        }
        let tombstone = tombstone(&places, *at);
        let undone = ["undoing", "undone"].iter().filter_map(|entry| entries.get(entry)).min();
        if let Some(undone) = undone
            && tombstone.is_none_or(|tombstone| tombstone > *undone)
        {
            wrong.push(format!("{name} is undone, and nothing told it to be"));
        }
        let begun = ["arrived", "calling", "done", "refused"];
        let begun = begun.iter().filter_map(|entry| entries.get(entry)).min();
        if let (Some(begun), Some(tombstone)) = (begun, tombstone)
            && *begun > tombstone
        {
            wrong.push(format!("{name} took effect after the abort"));
        }
        let decides = step(part, at.0).is_some_and(|step| step.kind == StepKind::Decision);
        if decides && has("done") && tombstone.is_some() {
            wrong.push(format!("the saga is aborted although {name} has decided it"));
        }
    }
    wrong.extend(undone_too_early(part, &places));
    wrong
}

/// Undos run in reverse: an earlier step is undone after the later one.
fn undone_too_early(part: &Part, places: &Places<'_>) -> Vec<String> {
    let alone = |entries: &BTreeMap<&str, i32>| entries.contains_key("aborted");
    let undone = places.iter().filter(|((step, _), entries)| {
        can_be_undone(part, step) && !alone(entries) && entries.contains_key("undone")
    });
    let mut undone: Vec<_> = undone
        .filter_map(|(at, entries)| Some((*entries.get("done")?, *entries.get("undone")?, *at)))
        .collect();
    undone.sort_unstable();
    undone
        .windows(2)
        .filter(|pair| pair[0].1 < pair[1].1)
        .map(|pair| format!("{} is undone before the later {}", name(pair[0].2), name(pair[1].2)))
        .collect()
}

/// What a service has begun for a saga and not ended. `is_out`: whether a step has an open call.
pub(super) fn unfinished(
    part: &Part,
    rows: &[Row],
    is_out: impl Fn(&str, &str) -> bool,
) -> Vec<String> {
    let places = places(rows);
    let mut left = Vec::new();
    for (at, entries) in places.iter().filter(|(at, _)| **at != WHOLE) {
        let has = |entry: &str| entries.contains_key(entry);
        let name = name(*at);
        if step(part, at.0).is_none() {
            left.push(format!("has rows of {name}, a step that this version does not know"));
        } else if has("undone") || has("refused") {
        } else if has("undoing") {
            if !is_out(at.0, at.1) {
                left.push(format!("is undoing {name}, and the call for it is in no table"));
            }
        } else if has("done") {
            if tombstone(&places, *at).is_some() && can_be_undone(part, at.0) {
                left.push(format!("has done {name} in an aborted saga, and not undone it"));
            }
        } else if has("calling") && !is_out(at.0, at.1) {
            left.push(format!("has begun {name}, and the call for it is in no table"));
        }
    }
    left
}

/// The events of a saga that somebody should have acted on and has not.
pub(super) fn untaken<'a>(system: &'a System, rows: &Rows<'_>) -> Vec<(&'a str, String)> {
    let mut left = Vec::new();
    for by in &system.parts {
        let own = rows.get(by.service).map_or(&[][..], Vec::as_slice);
        for event_type in published(by, own) {
            for part in &system.parts {
                let theirs = rows.get(part.service).map_or(&[][..], Vec::as_slice);
                if !part.sagas.iter().all(|saga| is_taken(part, saga, event_type, theirs)) {
                    left.push((part.service, format!("has not acted on {event_type}")));
                }
            }
        }
    }
    left
}

/// What a service published for a saga, as its ledger has it.
fn published<'a>(part: &Part, rows: &'a [Row]) -> Vec<&'a str> {
    let places = places(rows);
    let told = |row: &&Row| match row.entry.as_str() {
        // The outcome of a call that came after the abort is stored, and nobody is told.
        "done" | "refused" => {
            tombstone(&places, (&row.step, &row.key)).is_none_or(|t| t > row.ordinal)
        }
        "undone" => true,
        // An owner publishes its abort; the others have heard it.
        "aborted" => row.step.is_empty() && part.sagas.iter().any(|s| s.owner == part.service),
        _ => false,
    };
    rows.iter().filter(told).filter_map(|row| row.event_type.as_deref()).collect()
}

fn is_taken(part: &Part, saga: &SagaPart, event_type: &str, rows: &[Row]) -> bool {
    let is = |event: &ballet_core::EventType| event.name() == event_type;
    let aborted = rows.iter().any(|row| row.step.is_empty() && row.entry == "aborted");
    if aborted {
        return true;
    }
    let owns = saga.owner == part.service;
    if !owns && saga.abort.as_ref().is_some_and(is) {
        return false;
    }
    let of = |step: &StepPart, entry: &dyn Fn(&Row) -> bool| {
        rows.iter().any(|row| row.step == step.name && entry(row))
    };
    let acted = |step: &StepPart| {
        let arrived = |row: &Row| row.entry != "arrived" || row.arrived == event_type;
        (!step.on.iter().any(is) || of(step, &arrived))
            && (!step.compensated_by.iter().any(is) || of(step, &|row| row.entry == "aborted"))
    };
    let decided =
        || saga.steps.iter().any(|step| step.kind == StepKind::Decision && of(step, &|_| true));
    saga.steps.iter().all(acted) && (!saga.aborts_on.iter().any(is) || decided())
}
