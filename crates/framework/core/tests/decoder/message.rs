//! A message with arbitrary parts, and what must hold for every message.

use ballet_core::cloud_event::Attributes;
use ballet_core::envelope::{HeaderSize, Limits};
use ballet_core::{
    Envelope, Event, EventType, Incoming, KnownEvents, Reason, ReceivedEvent, Unacceptable, id,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An id made at the time at which all messages arrive.
pub(crate) const SOME_ID: &str = "0193f7a0-0000-7000-8000-000000000001";
/// The known event.
pub(crate) const NAME: &str = "cart.checked_out.v1";

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct CheckedOut {
    lines: Vec<OrderLine>,
    note: Option<String>,
    more: Option<serde_json::Value>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct OrderLine {
    sku: String,
    quantity: u32,
}

impl Event for CheckedOut {
    const TYPE: EventType = EventType::starts_saga(NAME).also_from(&["storefront"]);
}

#[derive(Debug, Clone, Default)]
pub(crate) struct OwnedMessage {
    pub(crate) exchange: &'static str,
    pub(crate) routing_key: String,
    pub(crate) event_type: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) app_id: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) size: HeaderSize,
    pub(crate) carbon_copy: bool,
    pub(crate) unkept_header: Option<(&'static str, &'static str)>,
    pub(crate) body: Vec<u8>,
}

impl OwnedMessage {
    fn incoming(&self) -> Incoming<'_> {
        let mut attributes = Attributes::default();
        for (header, value) in &self.headers {
            if let Some(name) = Attributes::name(header) {
                attributes.add(name, value);
            }
        }
        Incoming {
            exchange: self.exchange,
            routing_key: &self.routing_key,
            event_type: self.event_type.as_deref(),
            message_id: self.message_id.as_deref(),
            correlation_id: self.correlation_id.as_deref(),
            app_id: self.app_id.as_deref(),
            content_type: self.content_type.as_deref(),
            content_encoding: self.content_encoding.as_deref(),
            attributes,
            headers: self.size,
            carbon_copy: self.carbon_copy,
            unkept_header: self.unkept_header,
            body: &self.body,
            ..Incoming::default()
        }
    }

    /// The message as it comes back after a delayed retry or a redrive.
    fn copy(&self, envelope: &Envelope) -> Self {
        Self {
            exchange: "",
            routing_key: "orders".to_owned(),
            event_type: Some(envelope.event_type.name().to_owned()),
            message_id: Some(envelope.message_id.to_string()),
            correlation_id: envelope.saga_id.map(|saga| saga.to_string()),
            ..self.clone()
        }
    }
}

fn read<'a>(message: &Incoming<'a>) -> Result<ReceivedEvent<'a>, Unacceptable> {
    let known: KnownEvents = [CheckedOut::TYPE].into_iter().collect();
    Envelope::read(message, &known, &Limits::default(), now())
}

fn now() -> Timestamp {
    id::time_of(SOME_ID.parse().expect("a UUID")).expect("a time")
}

pub(crate) fn refusal(message: &OwnedMessage) -> Option<Reason> {
    let incoming = message.incoming();
    let once = read(&incoming);
    assert_eq!(once, read(&incoming), "the same message, the same answer");
    let received = match once {
        Ok(received) => received,
        Err(refused) => {
            let length = refused.detail.chars().count();
            assert!((10..510).contains(&length), "{refused}");
            return Some(refused.reason);
        }
    };
    let copy = message.copy(&received.envelope);
    let again = read(&copy.incoming()).expect("a copy of what was taken is taken");
    assert_eq!(again, received, "a copy means the same");
    let decoded = serde_json::from_slice::<CheckedOut>(&received.body);
    decoded.err().map(|error| Unacceptable::from_json(CheckedOut::TYPE, &error).reason)
}
