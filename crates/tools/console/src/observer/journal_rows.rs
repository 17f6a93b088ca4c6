//! Turns a journal's record into a row. It comes from outside: texts are cut, bytes that Postgres refuses are replaced,
//! and bodies are limited.

use std::borrow::Cow;

use ballet_amqp::headers::{
    ATTEMPTS, CAUSATION_ID, DEAD_DETAIL, DEAD_REASON, DEAD_STEP, DISCARDED, EDITED, REDRIVEN,
    RETRIED, SEARCHED, count_header, text_header,
};
use ballet_core::Role;
use ballet_ops::stream::Record;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::contract_index::ContractIndex;
use crate::store::append::{EntryBatch, SagaKey};
use crate::store::entry_row::{EntryKind, EntryRow};
use crate::store::flow::minute;

/// The maximum number of stored bytes of a body.
const MOST_KEPT: usize = 256 * 1024;
/// The maximum lengths in characters: of a name or id, of an error, of a key.
const NAME: usize = 255;
const TEXT: usize = 4_000;
const KEY: usize = 200;

/// Adds a record to the batch. Records from before `floor` are left out, and times in the future become now.
pub(super) fn add(
    batch: &mut EntryBatch,
    contract_index: &ContractIndex,
    place: i64,
    record: &Record,
    (floor, now): (Timestamp, Timestamp),
) {
    let (kind, service) = kind(record);
    let event = contract_index.event(record.event_type());
    let saga = saga(record, event.map(|event| event.role()));
    // Without its saga, as a publisher may name any.
    let saga = saga.filter(|_| !record.is_forged());
    let header =
        |name: &str, most| text_header(&record.properties, name).map(|text| clean(text, most));
    let noted = |what: &str| {
        let prefixes: &[&str] = match kind {
            EntryKind::Event | EntryKind::Died => &[],
            EntryKind::Redriven => &[REDRIVEN],
            EntryKind::Edited => &[EDITED],
            EntryKind::Discarded => &[DISCARDED],
            EntryKind::Note => &[RETRIED, SEARCHED],
        };
        prefixes.iter().find_map(|prefix| header(&format!("{prefix}-{what}"), TEXT))
    };
    // A person's act has its own time, as the message is older.
    let acted = noted("at").and_then(|at| at.parse().ok());
    let at = acted.or(record.time).map_or(now, |at| at.min(now));
    // The new dead letter says the same of an edit, and that it was done.
    if at < floor || record.routing_key.starts_with("edited.") {
        return;
    }
    if kind == EntryKind::Event {
        let key = (minute(at), clean(record.event_type(), NAME));
        let (count, last) = batch.flow.entry(key).or_insert((0, at));
        (*count, *last) = (*count + 1, at.max(*last));
    }
    let is_dead = matches!(kind, EntryKind::Died | EntryKind::Edited);
    let member = batch.rows.iter().rev().take_while(|row| row.place == place).count();
    let row = EntryRow {
        place,
        member: i32::try_from(member).unwrap_or(i32::MAX),
        at,
        kind,
        saga,
        event_type: clean(record.event_type(), NAME),
        service: clean(service, NAME),
        message_id: record.known_as().to_string(),
        cause: header(CAUSATION_ID, NAME).map(|cause| canonical(&cause)),
        handler: header(DEAD_STEP, NAME).filter(|_| is_dead),
        reason: is_dead.then(|| header(DEAD_REASON, NAME).unwrap_or_else(|| "unknown".to_owned())),
        detail: header(DEAD_DETAIL, TEXT).filter(|_| is_dead),
        attempts: i32::try_from(count_header(&record.properties, ATTEMPTS)).unwrap_or(i32::MAX),
        who: noted("by"),
        why: noted("why"),
        body: record.body[..record.body.len().min(MOST_KEPT)].to_vec(),
        size: i32::try_from(record.body.len()).unwrap_or(i32::MAX),
    };
    if let (true, Some(saga)) = (contract_index.is_of_saga(&row), saga) {
        batch.changed.insert(saga);
        let keys = contract_index.keys(&row.event_type);
        if let (false, Ok(body)) = (keys.is_empty(), serde_json::from_slice::<Value>(&record.body))
        {
            for key in keys {
                let values = key.values(&body).into_iter();
                let of_saga = |value: Cow<'_, str>| SagaKey {
                    value: clean(&canonical(&value), KEY),
                    name: key.name(),
                    saga,
                };
                batch.keys.extend(values.map(of_saga));
            }
        }
    }
    batch.rows.push(row);
}

fn kind(record: &Record) -> (EntryKind, &str) {
    if !record.is_dead_letter() {
        let named = record.event_type().split('.').next().unwrap_or_default();
        return (EntryKind::Event, record.service().unwrap_or(named));
    }
    match record.routing_key.split_once('.') {
        None => {
            let kind = if is_edited(record) { EntryKind::Edited } else { EntryKind::Died };
            (kind, record.service().unwrap_or(&record.routing_key))
        }
        Some(("redriven", service)) => (EntryKind::Redriven, service),
        Some(("discarded", service)) => (EntryKind::Discarded, service),
        Some((_, service)) => (EntryKind::Note, service),
    }
}

fn is_edited(record: &Record) -> bool {
    let at = |prefix: &str| {
        let at = text_header(&record.properties, &format!("{prefix}-at"));
        at.and_then(|at| at.parse::<Timestamp>().ok())
    };
    at(EDITED).is_some_and(|edited| at(REDRIVEN).is_none_or(|sent| sent < edited))
}

fn saga(record: &Record, role: Option<Role>) -> Option<Uuid> {
    match record.correlation_id() {
        Some(named) => Uuid::try_parse(&named).ok(),
        // Its first message's id.
        None => (role == Some(Role::StartsSaga)).then(|| record.known_as()),
    }
}

fn canonical(text: &str) -> String {
    Uuid::try_parse(text).map_or_else(|_| text.to_owned(), |id| id.to_string())
}

/// Returns at most this many characters of a text, in a form that Postgres accepts.
fn clean(text: &str, most: usize) -> String {
    if text.len() <= most && !text.contains('\0') {
        return text.to_owned();
    }
    text.chars().take(most).map(|c| if c == '\0' { '\u{fffd}' } else { c }).collect()
}
