//! A record of the journal becomes a row. All of it comes from outside: texts are cut, bytes that Postgres does not
//! take as text are replaced, and a body is kept up to a limit.

use std::borrow::Cow;

use ballet_amqp::headers::{
    ATTEMPTS, CAUSATION_ID, DEAD_DETAIL, DEAD_REASON, DEAD_STEP, DISCARDED, EDITED, REDRIVEN,
    RETRIED, SEARCHED, count_header, text_header,
};
use ballet_core::Role;
use ballet_core::envelope::{self, Limits};
use ballet_ops::coverage::Sighting;
use ballet_stream::Record;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::known::Known;
use crate::store::append::{Batch, KeyOf};
use crate::store::flow::minute;
use crate::store::row::{Kind, Row};

/// The most bytes of a body that are kept.
const MOST_KEPT: usize = 256 * 1024;
/// The most characters of a name or an id, of an error, and of a key.
const NAME: usize = 255;
const TEXT: usize = 4_000;
const KEY: usize = 200;

/// Adds a record to the batch. `floor` is the time before which nothing is kept; nothing is from the future.
pub(super) fn add(
    batch: &mut Batch,
    known: &Known,
    record: &Record,
    (floor, now): (Timestamp, Timestamp),
) {
    let at = record.time.map_or(now, |at| at.min(now));
    if at < floor {
        return;
    }
    let Some(place) = record.offset.and_then(|place| i64::try_from(place).ok()) else { return };
    let (kind, service) = kind(record);
    let unpacked = unpacked(record);
    let event = known.event(record.event_type());
    let saga = saga(record, event.map(|event| event.role()));
    // It is kept, and says nothing of a saga: whoever publishes may name any.
    let saga = saga.filter(|_| !record.is_forged());
    let header =
        |name: &str, most| text_header(&record.properties, name).map(|text| clean(text, most));
    let noted = |what: &str| {
        if kind == Kind::Event {
            return None;
        }
        let prefix = [REDRIVEN, EDITED, DISCARDED, RETRIED, SEARCHED];
        prefix.iter().find_map(|prefix| header(&format!("{prefix}-{what}"), TEXT))
    };
    if let Some((sight, service)) = Sighting::of(record) {
        let key = (minute(at), sight, clean(service, NAME), clean(record.event_type(), NAME));
        let (count, last) = batch.flow.entry(key).or_insert((0, at));
        (*count, *last) = (*count + 1, at.max(*last));
    }
    let row = Row {
        place,
        at,
        kind,
        saga,
        event_type: clean(record.event_type(), NAME),
        service: clean(service, NAME),
        message_id: record.known_as().to_string(),
        cause: header(CAUSATION_ID, NAME).map(|cause| canonical(&cause)),
        handler: header(DEAD_STEP, NAME).filter(|_| kind == Kind::Died),
        reason: (kind == Kind::Died)
            .then(|| header(DEAD_REASON, NAME).unwrap_or_else(|| "unknown".to_owned())),
        detail: header(DEAD_DETAIL, TEXT).filter(|_| kind == Kind::Died),
        attempts: i32::try_from(count_header(&record.properties, ATTEMPTS)).unwrap_or(i32::MAX),
        who: noted("by"),
        why: noted("why"),
        body: unpacked[..unpacked.len().min(MOST_KEPT)].to_vec(),
        size: i32::try_from(unpacked.len()).unwrap_or(i32::MAX),
    };
    if let (true, Some(saga)) = (known.is_of_saga(&row), saga) {
        batch.changed.insert(saga);
        let keys = known.keys(&row.event_type);
        if let (false, Ok(body)) = (keys.is_empty(), serde_json::from_slice::<Value>(&unpacked)) {
            for key in keys {
                let values = key.values(&body).into_iter();
                let of_saga = |value: Cow<'_, str>| KeyOf {
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

/// What a record is, and the service that it is about.
fn kind(record: &Record) -> (Kind, &str) {
    if !record.is_dead_letter() {
        let named = record.event_type().split('.').next().unwrap_or_default();
        return (Kind::Event, record.service().unwrap_or(named));
    }
    match record.routing_key.split_once('.') {
        None => (Kind::Died, record.service().unwrap_or(&record.routing_key)),
        Some(("redriven", service)) => (Kind::Redriven, service),
        Some(("discarded", service)) => (Kind::Discarded, service),
        Some((_, service)) => (Kind::Note, service),
    }
}

fn unpacked(record: &Record) -> Cow<'_, [u8]> {
    let encoding = record.properties.content_encoding().as_ref().map(|text| text.as_str());
    envelope::unpack(&record.body, encoding, &Limits::of_tools())
        .unwrap_or(Cow::Borrowed(&record.body))
}

fn saga(record: &Record, role: Option<Role>) -> Option<Uuid> {
    match record.correlation_id() {
        Some(named) => Uuid::try_parse(&named).ok(),
        // A saga takes the id of its first message.
        None => (role == Some(Role::StartsSaga)).then(|| record.known_as()),
    }
}

/// A UUID in the one spelling that is looked for.
fn canonical(text: &str) -> String {
    Uuid::try_parse(text).map_or_else(|_| text.to_owned(), |id| id.to_string())
}

/// A text that Postgres takes, of at most this many characters.
fn clean(text: &str, most: usize) -> String {
    if text.len() <= most && !text.contains('\0') {
        return text.to_owned();
    }
    text.chars().take(most).map(|c| if c == '\0' { '\u{fffd}' } else { c }).collect()
}
