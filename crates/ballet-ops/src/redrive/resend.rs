//! What takes a dead letter's place.

use ballet_core::topology::DEAD;
use ballet_core::{EventType, MessageId, Part, Role};
use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use super::Letter;
use super::letter::header;
use ballet_amqp::headers::{
    self, DISCARDED, EDITED, REDRIVEN, insert_text, is_about_redrives, plain_body_properties,
    properties_to_keep,
};
use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, Publish, ShortString};

const PERSISTENT: u8 = 2;
/// The default exchange: the routing key is the name of a queue.
const STRAIGHT: &str = "";
/// The longest reason that is kept.
const LONGEST_WHY: usize = 500;

/// Who does something with dead letters, when, and why; kept in the headers of what they sent, and
/// in the journal.
#[derive(Debug, Clone)]
pub struct Note {
    /// Who.
    pub by: String,
    /// Why.
    pub why: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// One run of a tool, and what it needs to know to send letters.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) id: Uuid,
    pub(super) note: Note,
    /// Ids from before this are not known to the inbox any more.
    pub(super) floor: Timestamp,
}

impl Run {
    /// The message as the service gets it again, straight into its own queue, and the note of it
    /// for the journal.
    pub(super) fn redriven(&self, letter: &Letter, part: Option<&Part>) -> Vec<Publish> {
        let mut headers = without_ours(letter);
        let redrives = u32::try_from(letter.redrives).unwrap_or(u32::MAX).saturating_add(1);
        headers.insert(header::REDRIVES.into(), AMQPValue::LongUInt(redrives));
        insert_text(&mut headers, header::RUN, &self.id.to_string());
        self.sign(&mut headers, REDRIVEN);
        // Where it came from first, should it die again.
        if let Some((exchange, key)) = letter.exchange.as_ref().zip(letter.routing_key.as_ref()) {
            insert_text(&mut headers, "x-dead-exchange", exchange);
            insert_text(&mut headers, "x-dead-routing-key", key);
        }
        let mut properties = named(letter, properties_to_keep);
        if properties.kind().as_ref().is_none_or(|kind| kind.as_str().is_empty())
            && let Some(name) = letter.event_type.as_deref().and_then(short)
        {
            properties = properties.with_type(name);
        }
        if letter.id_is_before(self.floor) {
            // A function of the old id alone: however often it is redriven, it is one message.
            let new = MessageId::derived_from_text(&format!("redriven {}", letter.id));
            if headers.inner().get(header::ORIGINAL_ID).is_none() {
                insert_text(&mut headers, header::ORIGINAL_ID, &letter.id.to_string());
            }
            properties = properties.with_message_id(new.to_string().into());
            if letter.saga.is_none() && starts_saga(part, letter) {
                // It would lend its saga the new id.
                properties = properties.with_correlation_id(letter.id.to_string().into());
            }
        }
        let properties = properties.with_headers(headers).with_delivery_mode(PERSISTENT);
        let message = Publish {
            exchange: STRAIGHT.to_owned(),
            routing_key: letter.service.clone(),
            mandatory: true,
            properties,
            body: letter.body.clone().into(),
        };
        // The body is in the journal already, as it came and as it died.
        let note = note("redriven", letter, message.properties.clone(), Bytes::new());
        vec![note, message]
    }

    /// The dead letter with another body, in the place of the old, which the journal keeps.
    pub(super) fn edited(&self, letter: &Letter, body: &Bytes) -> Vec<Publish> {
        let mut headers = with_reason(letter);
        insert_text(&mut headers, header::RUN, &self.id.to_string());
        self.sign(&mut headers, EDITED);
        let old = named(letter, properties_to_keep).with_headers(headers.clone());
        let old = note("edited", letter, old, letter.body.clone().into());
        // Whatever the old body was packed with, a person writes it plainly.
        let properties = named(letter, plain_body_properties);
        let properties = properties.with_headers(headers).with_delivery_mode(PERSISTENT);
        let new = Publish {
            exchange: DEAD.to_owned(),
            routing_key: letter.service.clone(),
            mandatory: true,
            properties,
            body: body.clone(),
        };
        vec![old, new]
    }

    /// The note for the journal that a letter is thrown away: with all of it.
    pub(super) fn discarded(&self, letter: &Letter) -> Vec<Publish> {
        let mut headers = with_reason(letter);
        self.sign(&mut headers, DISCARDED);
        let properties = named(letter, properties_to_keep).with_headers(headers);
        vec![note("discarded", letter, properties, letter.body.clone().into())]
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

/// The journal gets it, and no service.
fn note(what: &str, letter: &Letter, properties: BasicProperties, body: Bytes) -> Publish {
    Publish {
        exchange: DEAD.to_owned(),
        routing_key: format!("{what}.{}", letter.service),
        mandatory: false,
        properties: properties.with_delivery_mode(PERSISTENT),
        body,
    }
}

/// The original properties, but for those that would act on the copy. Without an id a message
/// would be another one with every change of its body.
fn named(letter: &Letter, kept: fn(&BasicProperties) -> BasicProperties) -> BasicProperties {
    let properties = kept(&letter.properties);
    match properties.message_id() {
        Some(id) if !id.as_str().is_empty() => properties,
        Some(_) | None => properties.with_message_id(letter.id.to_string().into()),
    }
}

/// The original headers: the service is to see the message as if for the first time.
fn without_ours(letter: &Letter) -> FieldTable {
    let mut kept = FieldTable::default();
    for (name, value) in headers::kept(letter.properties.headers().as_ref()).inner() {
        if !is_about_redrives(name.as_str()) {
            kept.insert(name.clone(), value.clone());
        }
    }
    kept
}

/// All headers, and what is known only from the broker's words as headers of ours.
fn with_reason(letter: &Letter) -> FieldTable {
    let original = letter.properties.headers().clone().unwrap_or_default();
    let mut headers = headers::kept(Some(&original));
    for (name, value) in original.inner() {
        if name.as_str().starts_with("x-dead-") {
            headers.insert(name.clone(), value.clone());
        }
    }
    let mut known = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            insert_text(&mut headers, name, &value);
        }
    };
    known("x-dead-reason", Some(letter.reason.clone()));
    known("x-dead-service", Some(letter.service.clone()));
    known("x-dead-at", letter.dead_at.map(|at| at.to_string()));
    known("x-dead-exchange", letter.exchange.clone());
    known("x-dead-routing-key", letter.routing_key.clone());
    headers
}

fn short(name: &str) -> Option<ShortString> {
    ShortString::try_new(name).ok()
}

fn declared(part: Option<&Part>, letter: &Letter) -> Option<EventType> {
    let name = letter.event_type.as_deref()?;
    part?.consumes().into_iter().find(|event| event.name() == name)
}

fn starts_saga(part: Option<&Part>, letter: &Letter) -> bool {
    declared(part, letter).is_some_and(|event| event.role() == Role::StartsSaga)
}

/// Whether nothing but the inbox keeps the service from handling this message twice: it follows
/// the event outside of sagas, or is not known to follow it at all.
pub(super) fn needs_the_inbox(part: Option<&Part>, letter: &Letter) -> bool {
    let Some(part) = part else { return true };
    match declared(Some(part), letter) {
        Some(event) => part.subscriptions.iter().any(|followed| followed.on == event),
        None => true,
    }
}

#[cfg(test)]
#[path = "resend_tests.rs"]
mod tests;
