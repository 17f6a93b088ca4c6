//! Compares the expected and actual events of one saga.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ballet_amqp::headers::{DEAD_REASON, text_header};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::stream::compare::canonical::{GivenValues, IdNames, canonical};
use crate::stream::compare::depth::{Depths, LONGEST};
use crate::stream::compare::difference::{Difference, DifferenceKind};
use crate::stream::compare::joins::Joins;
use crate::stream::record::Record;
use crate::stream::replay::entry::is_event;
use crate::stream::replay::made_keys::MadeKeys;
use crate::stream::replay::repeatable::SagaScope;

/// The types of the events that led to one, and its own.
type EventPath = Vec<String>;

pub(super) struct ComparisonRules<'a> {
    pub(super) ignored: &'a HashSet<String>,
    pub(super) joins: &'a Joins,
    /// The keys with new values in every run.
    pub(super) made: &'a MadeKeys,
}

/// Compares one saga. Only an event and its cause have an order.
pub(super) fn compare(
    saga: &str,
    expected: &[Record],
    actual: &[Record],
    rules: &ComparisonRules<'_>,
    scope: SagaScope,
) -> Vec<Difference> {
    let read = |records| SagaSide::read(records, rules, scope.without);
    let mut both: BTreeMap<EventPath, (Vec<SeenEvent>, Vec<SeenEvent>)> = BTreeMap::new();
    for (path, events) in read(expected).events {
        both.entry(path).or_default().0 = events;
    }
    for (path, events) in read(actual).events {
        both.entry(path).or_default().1 = events;
    }
    let mut differences = Vec::new();
    for (path, (mut missing, mut new)) in both {
        // Equal events pair up in any order.
        missing.retain(|event| {
            let same = new.iter().position(|other| other.canonical == event.canonical);
            same.map(|at| new.remove(at)).is_none()
        });
        let pairs = missing.len().min(new.len());
        let mut add = |change| {
            let (saga, path) = (saga.to_owned(), path.clone());
            differences.push(Difference { saga, path, change });
        };
        for (expected, actual) in missing.drain(..pairs).zip(new.drain(..pairs)) {
            let mut pointer = String::new();
            fields(&expected, &actual, &mut pointer, &mut add);
        }
        missing.into_iter().for_each(|event| add(DifferenceKind::Missing { body: event.body }));
        // A saga still open at the end of the recording may have further events.
        let new = new.into_iter().filter(|_| !scope.is_open);
        new.for_each(|event| add(DifferenceKind::New { body: event.body }));
    }
    differences
}

#[derive(Debug, Clone)]
struct SeenEvent {
    body: Value,
    canonical: Value,
}

struct SagaSide {
    events: BTreeMap<EventPath, Vec<SeenEvent>>,
}

impl SagaSide {
    fn read(records: &[Record], rules: &ComparisonRules<'_>, without: Option<&str>) -> Self {
        let joins = rules.joins;
        let (mut given, mut new) = (GivenValues::default(), Vec::new());
        let mut names = IdNames::default();
        let mut known = HashSet::new();
        let mut left_out = HashSet::new();
        // A message may come twice under one id, which its dead letters have, too.
        let first: Vec<&Record> = records
            .iter()
            .filter(|record| without.is_none_or(|of| !is_answer(record, of, &mut left_out)))
            .filter(|record| {
                let dead_in = if record.is_dead_letter() { record.service() } else { None };
                known.insert((record.message_id(), dead_in))
            })
            .collect();
        let by_id: HashMap<&str, &Record> = first
            .iter()
            .filter(|record| is_event(record))
            .filter_map(|record| Some((record.message_id()?, *record)))
            .collect();
        let mut events: BTreeMap<EventPath, Vec<SeenEvent>> = BTreeMap::new();
        let mut depths = Depths::new(&by_id, joins);
        let mut nodes = Vec::new();
        for record in &first {
            if record.is_dead_letter() {
                // A dead letter has a reason, unlike a tool's note.
                let Some(reason) = text_header(&record.properties, DEAD_REASON) else { continue };
                let service = record.service().unwrap_or_default();
                let dead = format!("dead in {service}: {reason}");
                let path = vec![record.event_type().to_owned(), dead];
                let nothing = SeenEvent { body: Value::Null, canonical: Value::Null };
                events.entry(path).or_default().push(nothing);
                continue;
            }
            let mut body: Value =
                serde_json::from_slice(&record.body).unwrap_or_else(|_| record.text().into());
            without_fields(&mut body, rules.ignored);
            if record.cause().is_none() {
                given.add(&body);
                rules.made.each_in(record.event_type(), &body, |_, id| new.extend(id));
            }
            if let Some(saga) = record.saga_id() {
                names.give(saga, None, "the saga's id");
            }
            nodes.push((depths.of(record), path(record, &by_id, joins), *record, body));
        }
        given.remove(&new);
        // A cause comes before its effect, so an id belongs to the event that made it. Otherwise the order in the
        // stream is chance.
        nodes.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        for (_, path, record, _) in &nodes {
            if let Some(id) = record.message_id().and_then(|id| Uuid::try_parse(id).ok()) {
                names.give(id, record.message_id(), &format!("the id of {}", path.join(" > ")));
            }
        }
        for (_, path, record, body) in &nodes {
            names.give_in(body, &given, record.message_id(), &mut path.join(" > "));
        }
        for (_, path, record, body) in nodes {
            let canonical = canonical(&body, &given, &names, record.message_id());
            events.entry(path).or_default().push(SeenEvent { body, canonical });
        }
        Self { events }
    }
}

/// Whether a record is this service's answer, or follows from one. Answers to answers come later in the stream.
fn is_answer<'a>(record: &'a Record, of: &str, left_out: &mut HashSet<&'a str>) -> bool {
    let Some(cause) = record.cause() else { return false };
    let is_answer = record.service() == Some(of) || left_out.contains(cause);
    if is_answer && is_event(record) {
        left_out.extend(record.message_id());
    }
    is_answer
}

/// Returns the types of the events that led to this one, and its own. An event of a join follows all its triggers in a
/// fixed order, because the last one is chance.
fn path(record: &Record, by_id: &HashMap<&str, &Record>, joins: &Joins) -> EventPath {
    let mut path = vec![record.event_type().to_owned()];
    let mut at = record;
    while let Some(cause) = at.cause().and_then(|cause| by_id.get(cause))
        && path.len() < LONGEST
    {
        if let Some(triggers) = joins.of_event(at.event_type(), cause.event_type()) {
            path.extend(triggers.iter().rev().cloned());
            break;
        }
        path.push(cause.event_type().to_owned());
        at = cause;
    }
    path.reverse();
    path
}

fn without_fields(body: &mut Value, ignored: &HashSet<String>) {
    match body {
        Value::Object(map) => {
            map.retain(|name, _| !ignored.contains(name));
            map.values_mut().for_each(|value| without_fields(value, ignored));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| without_fields(value, ignored)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns the differing values in their original form, unless only their names differ.
fn fields(
    expected: &SeenEvent,
    actual: &SeenEvent,
    pointer: &mut String,
    add: &mut impl FnMut(DifferenceKind),
) {
    if expected.canonical == actual.canonical {
        return;
    }
    let length = pointer.len();
    match (&expected.canonical, &actual.canonical) {
        (Value::Object(one), Value::Object(other)) => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                let child = |seen: &SeenEvent, canonical: &Map<String, Value>| {
                    let canonical = canonical.get(name)?.clone();
                    Some(SeenEvent { body: seen.body.get(name)?.clone(), canonical })
                };
                let (one, other) = (child(expected, one), child(actual, other));
                pair(one.as_ref(), other.as_ref(), pointer, add);
                pointer.truncate(length);
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            for at in 0..one.len().max(other.len()) {
                pointer.push_str(&format!("/{at}"));
                let child = |seen: &SeenEvent, canonical: &[Value]| {
                    let canonical = canonical.get(at)?.clone();
                    Some(SeenEvent { body: seen.body.get(at)?.clone(), canonical })
                };
                let (one, other) = (child(expected, one), child(actual, other));
                pair(one.as_ref(), other.as_ref(), pointer, add);
                pointer.truncate(length);
            }
        }
        _ => pair_values(Some(expected), Some(actual), pointer, add),
    }
}

fn pair(
    expected: Option<&SeenEvent>,
    actual: Option<&SeenEvent>,
    pointer: &mut String,
    add: &mut impl FnMut(DifferenceKind),
) {
    match (expected, actual) {
        (Some(one), Some(other)) => fields(one, other, pointer, add),
        _ => pair_values(expected, actual, pointer, add),
    }
}

fn pair_values(
    expected: Option<&SeenEvent>,
    actual: Option<&SeenEvent>,
    pointer: &str,
    add: &mut impl FnMut(DifferenceKind),
) {
    // The names of ids say more than the ids themselves.
    let is_name =
        |seen: &SeenEvent| seen.canonical.as_str().is_some_and(|text| text.starts_with('<'));
    let value = |seen: &SeenEvent| if is_name(seen) { &seen.canonical } else { &seen.body }.clone();
    let (expected, actual) = (expected.map(value), actual.map(value));
    add(DifferenceKind::Field { pointer: pointer.to_owned(), expected, actual });
}
