//! Predicts by contracts whether a system's services accept a message. The envelope is read by the service's code, and
//! the body compared with the event's schemas.

mod body;

use std::collections::BTreeMap;

use ballet_core::envelope::Limits;
use ballet_core::{
    Envelope, EventType, Incoming, KnownEvents, MessageId, Reason, ReceivedEvent, Unacceptable,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::contracts::Contracts;
use crate::validate::body::faults;

/// Judges messages by contracts.
#[derive(Debug)]
pub struct Validator {
    known: KnownEvents,
    /// Services may know an event by several schemas. A message has to fit all.
    schemas: BTreeMap<EventType, Vec<Value>>,
    limits: Limits,
}

/// A service's verdict on a message.
#[derive(Debug)]
pub struct MessageVerdict {
    /// The event, if it is known.
    pub event: Option<EventType>,
    /// The id under which every service knows the message.
    pub message_id: MessageId,
    /// The faults. A dead letter has the first one.
    pub faults: Vec<Unacceptable>,
}

impl Validator {
    /// Creates a validator for these contracts.
    #[must_use]
    pub fn new(contracts: &Contracts) -> Self {
        let mut schemas: BTreeMap<EventType, Vec<Value>> = BTreeMap::new();
        let all = contracts.contracts().iter().filter_map(|one| one.schemas().ok());
        for (event, schema) in all.flatten() {
            let of_event = schemas.entry(event).or_default();
            let schema = schema.to_value();
            if !of_event.contains(&schema) {
                of_event.push(schema);
            }
        }
        Self { known: schemas.keys().copied().collect(), schemas, limits: Limits::default() }
    }

    /// Returns the event of that name.
    #[must_use]
    pub fn event(&self, name: &str) -> Option<EventType> {
        self.known.get(name)
    }

    /// Judges a message.
    #[must_use]
    pub fn judge(&self, message: &Incoming<'_>, now: Timestamp) -> MessageVerdict {
        let message_id = Envelope::message_id_of(message, &self.limits);
        match Envelope::read(message, &self.known, &self.limits, now) {
            Ok(ReceivedEvent { envelope, body }) => {
                let event = envelope.event_type;
                MessageVerdict {
                    event: Some(event),
                    message_id,
                    faults: self.of_body(event, &body),
                }
            }
            Err(fault) => {
                let event = Envelope::type_of(message, &self.known);
                MessageVerdict { event, message_id, faults: vec![fault] }
            }
        }
    }

    /// Returns the faults of an event's body alone.
    #[must_use]
    pub fn body_faults(&self, event: EventType, body: &str, now: Timestamp) -> Vec<String> {
        let message = Incoming {
            event_type: Some(event.name()),
            app_id: Some(event.service()),
            // An event of a saga needs an id, of any value.
            correlation_id: Some("00000000-0000-0000-0000-000000000000"),
            body: body.as_bytes(),
            ..Incoming::default()
        };
        self.judge(&message, now).faults.into_iter().map(|fault| fault.detail).collect()
    }

    fn of_body(&self, event: EventType, body: &[u8]) -> Vec<Unacceptable> {
        let body: Value = match serde_json::from_slice(body) {
            Ok(body) => body,
            Err(error) => return vec![Unacceptable::from_json(event, &error)],
        };
        let schemas = self.schemas.get(&event).into_iter().flatten();
        let mut found: Vec<String> = Vec::new();
        for fault in schemas.flat_map(|schema| faults(schema, &body)) {
            if !found.contains(&fault) {
                found.push(fault);
            }
        }
        let fault = |fault: String| {
            let detail = format!("the body does not have the shape of {event}: {fault}");
            Unacceptable::new(Reason::WrongShape, detail)
        };
        found.into_iter().map(fault).collect()
    }
}
