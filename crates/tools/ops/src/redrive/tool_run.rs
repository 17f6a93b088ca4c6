//! The messages that take a dead letter's place.

use ballet_amqp::headers::{
    self, DEAD_AT, DEAD_EXCHANGE, DEAD_PREFIX, DEAD_REASON, DEAD_ROUTING_KEY, DEAD_SERVICE,
    DISCARDED, Deaths, EDITED, ORIGINAL_BYTES, ORIGINAL_MESSAGE_ID, REDRIVE_ID, REDRIVEN, REDRIVES,
    RETRIED, SEARCHED, insert_text, is_about_redrives, plain_body_properties, properties_to_keep,
    unkept,
};
use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, PERSISTENT, Publish, ShortString};
use ballet_core::envelope::is_blank;
use ballet_core::topology::{DEAD, DEAD_PRODUCER};
use ballet_core::{MessageId, Part};
use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use crate::note::Note;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::declarations::starts_saga;
use crate::redrive::options::RedriveOptions;

/// The default exchange takes the name of a queue as routing key.
const DEFAULT_EXCHANGE: &str = "";
/// The headers have to fit into one frame.
const LONGEST_WHY: usize = 500;

/// One run of a tool. Ids from before `floor` are too old for the inbox.
#[derive(Debug, Clone)]
pub(crate) struct ToolRun {
    pub(crate) id: Uuid,
    pub(crate) note: Note,
    pub(crate) floor: Timestamp,
}

impl ToolRun {
    pub(crate) fn new(options: &RedriveOptions<'_>, floor: Timestamp) -> Self {
        Self { id: options.run_id, note: options.note.clone(), floor }
    }

    pub(crate) fn redriven(&self, dead_letter: &DeadLetter, part: Option<&Part>) -> Vec<Publish> {
        let mut headers = original_headers(dead_letter);
        let redrives = u32::try_from(dead_letter.redrives).unwrap_or(u32::MAX).saturating_add(1);
        headers.insert(REDRIVES.into(), AMQPValue::LongUInt(redrives));
        insert_text(&mut headers, REDRIVE_ID, &self.id.to_string());
        self.sign(&mut headers, REDRIVEN);
        // If it dies again, its first exchange and routing key are still known.
        if let Some((exchange, key)) =
            dead_letter.exchange.as_ref().zip(dead_letter.routing_key.as_ref())
        {
            insert_text(&mut headers, DEAD_EXCHANGE, exchange);
            insert_text(&mut headers, DEAD_ROUTING_KEY, key);
        }
        let mut properties = named(dead_letter, properties_to_keep);
        if properties.kind().as_ref().is_none_or(|kind| is_blank(kind.as_str()))
            && let Some(name) = dead_letter.event_type.as_deref().and_then(short)
        {
            properties = properties.with_type(name);
        }
        if dead_letter.id_is_before(self.floor) {
            // Derived from the old id alone, so it is the same after every redrive.
            let new = MessageId::derived_from_text(&format!("redriven {}", dead_letter.id));
            if headers.inner().get(ORIGINAL_MESSAGE_ID).is_none() {
                insert_text(&mut headers, ORIGINAL_MESSAGE_ID, &dead_letter.id.to_string());
            }
            properties = properties.with_message_id(new.to_string().into());
            if dead_letter.saga.is_none() && starts_saga(part, dead_letter) {
                // Otherwise the saga would take the new id.
                properties = properties.with_correlation_id(dead_letter.id.to_string().into());
            }
        }
        let properties = properties.with_headers(headers).with_delivery_mode(PERSISTENT);
        let message = Publish {
            exchange: DEFAULT_EXCHANGE.to_owned(),
            routing_key: dead_letter.service.clone(),
            mandatory: true,
            properties,
            body: dead_letter.body.clone().into(),
        };
        // The journal has the body already.
        let record = record("redriven", dead_letter, message.properties.clone(), Bytes::new());
        vec![record, message]
    }

    pub(crate) fn edited(&self, dead_letter: &DeadLetter, body: &Bytes) -> Vec<Publish> {
        let mut headers = with_reason(dead_letter);
        insert_text(&mut headers, REDRIVE_ID, &self.id.to_string());
        self.sign(&mut headers, EDITED);
        let old = named(dead_letter, properties_to_keep).with_headers(headers.clone());
        let old = record("edited", dead_letter, old, dead_letter.body.clone().into());
        // The old body may have been in another encoding.
        let properties = named(dead_letter, plain_body_properties);
        let properties = properties.with_headers(headers).with_delivery_mode(PERSISTENT);
        let new = Publish {
            exchange: DEAD.to_owned(),
            routing_key: dead_letter.service.clone(),
            mandatory: true,
            properties,
            body: body.clone(),
        };
        vec![old, new]
    }

    pub(crate) fn discarded(&self, dead_letter: &DeadLetter) -> Vec<Publish> {
        let mut headers = with_reason(dead_letter);
        self.sign(&mut headers, DISCARDED);
        let properties = named(dead_letter, properties_to_keep).with_headers(headers);
        vec![record("discarded", dead_letter, properties, dead_letter.body.clone().into())]
    }

    pub(crate) fn retried(&self, message: &DeadLetter) -> Publish {
        let mut headers = original_headers(message);
        self.sign(&mut headers, RETRIED);
        let properties = named(message, properties_to_keep).with_headers(headers);
        record("retried", message, properties, Bytes::new())
    }

    /// Notes that this run searches the journal for the service.
    pub(crate) fn searched(&self, service: &str) -> Publish {
        let mut headers = FieldTable::default();
        insert_text(&mut headers, REDRIVE_ID, &self.id.to_string());
        self.sign(&mut headers, SEARCHED);
        let properties = BasicProperties::default().with_headers(headers);
        Publish {
            exchange: DEAD.to_owned(),
            routing_key: format!("searched.{service}"),
            mandatory: true,
            properties: properties.with_delivery_mode(PERSISTENT),
            body: Bytes::new(),
        }
    }

    fn sign(&self, headers: &mut FieldTable, what: &str) {
        let Note { by, why, at } = &self.note;
        insert_text(headers, &format!("{what}-by"), by);
        insert_text(headers, &format!("{what}-at"), &at.to_string());
        if let Some(why) = why {
            let why: String = why.chars().take(LONGEST_WHY).collect();
            insert_text(headers, &format!("{what}-why"), &why);
        }
    }
}

/// No service gets a record for the journal.
fn record(
    what: &str,
    dead_letter: &DeadLetter,
    properties: BasicProperties,
    body: Bytes,
) -> Publish {
    Publish {
        exchange: DEAD.to_owned(),
        routing_key: format!("{what}.{}", dead_letter.service),
        mandatory: false,
        properties: properties.with_delivery_mode(PERSISTENT),
        body,
    }
}

/// Returns the original properties, without those that act on the copy, and with an id. A service derives a missing id
/// from the body, which an edit changes.
fn named(
    dead_letter: &DeadLetter,
    kept: fn(&BasicProperties) -> BasicProperties,
) -> BasicProperties {
    let properties = kept(&dead_letter.properties);
    match properties.message_id() {
        Some(id) if !is_blank(id.as_str()) => properties,
        Some(_) | None => properties.with_message_id(dead_letter.id.to_string().into()),
    }
}

/// Returns the original headers. Counts begin again, and unreadable headers are left out: the service judges the rest.
fn original_headers(dead_letter: &DeadLetter) -> FieldTable {
    let mut kept = FieldTable::default();
    for (name, value) in
        headers::kept(dead_letter.properties.headers().as_ref(), Deaths::Brokers).inner()
    {
        if !is_about_redrives(name.as_str()) && name.as_str() != ORIGINAL_BYTES {
            kept.insert(name.clone(), value.clone());
        }
    }
    kept
}

/// Returns all headers except the one that returns a dead letter to its producer. Our headers tell of the death.
fn with_reason(dead_letter: &DeadLetter) -> FieldTable {
    let original = dead_letter.properties.headers().clone().unwrap_or_default();
    let mut headers = headers::kept(Some(&original), Deaths::Brokers);
    for (name, value) in original.inner() {
        let is_reason = name.as_str().starts_with(DEAD_PREFIX) && name.as_str() != DEAD_PRODUCER;
        if is_reason && unkept(name.as_str(), value).is_none() {
            headers.insert(name.clone(), value.clone());
        }
    }
    let mut known = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            insert_text(&mut headers, name, &value);
        }
    };
    known(DEAD_REASON, Some(dead_letter.reason.clone()));
    known(DEAD_SERVICE, Some(dead_letter.service.clone()));
    known(DEAD_AT, dead_letter.dead_at.map(|at| at.to_string()));
    known(DEAD_EXCHANGE, dead_letter.exchange.clone());
    known(DEAD_ROUTING_KEY, dead_letter.routing_key.clone());
    headers
}

fn short(name: &str) -> Option<ShortString> {
    ShortString::try_new(name).ok()
}

#[cfg(test)]
#[path = "tool_run_tests.rs"]
mod tests;
