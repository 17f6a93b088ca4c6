//! Between the broker's messages and the core's envelopes.

use ballet_core::topology::EVENTS;
use ballet_core::{Incoming, MessageId, SagaId};
use bytes::Bytes;
use jiff::Timestamp;

use crate::broker::{AMQPValue, BasicProperties, Delivery, FieldTable, Publish, ShortString};
use crate::outbox::StoredEvent;
use crate::tx::Emitted;

const PERSISTENT: u8 = 2;

/// The parts of a delivery that the envelope is read from.
pub(crate) fn incoming(delivery: &Delivery) -> Incoming<'_> {
    let properties = &delivery.properties;
    Incoming {
        exchange: &delivery.exchange,
        routing_key: &delivery.routing_key,
        event_type: properties.kind().as_ref().map(|text| text.as_str()),
        message_id: properties.message_id().as_ref().map(|text| text.as_str()),
        correlation_id: properties.correlation_id().as_ref().map(|text| text.as_str()),
        app_id: properties.app_id().as_ref().map(|text| text.as_str()),
        content_type: properties.content_type().as_ref().map(|text| text.as_str()),
        content_encoding: properties.content_encoding().as_ref().map(|text| text.as_str()),
        causation_id: header(properties, "causation_id"),
        traceparent: header(properties, "traceparent"),
        body: &delivery.body,
    }
}

/// A header's text, if it has one by that name.
pub(crate) fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a str> {
    match properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        _ => None,
    }
}

/// What surrounds an event that leaves.
struct Outgoing<'a> {
    message_id: MessageId,
    event_type: &'a str,
    saga_id: Option<SagaId>,
    causation_id: Option<MessageId>,
    traceparent: Option<&'a str>,
    created_at: Timestamp,
}

/// The message of an event that this service just emitted.
pub(crate) fn publish(service: &str, event: &Emitted, now: Timestamp) -> Publish {
    let outgoing = Outgoing {
        message_id: event.message_id,
        event_type: event.event.event_type.name(),
        saga_id: event.saga_id,
        causation_id: event.causation_id,
        traceparent: event.traceparent.as_deref(),
        created_at: now,
    };
    outgoing.message(service, event.event.body.clone())
}

/// The same message, from an event that was read back from the outbox.
pub(crate) fn publish_stored(service: &str, event: StoredEvent) -> Publish {
    let body = Bytes::from(event.body);
    let outgoing = Outgoing {
        message_id: event.message_id,
        event_type: &event.event_type,
        saga_id: event.saga_id,
        causation_id: event.causation_id,
        traceparent: event.traceparent.as_deref(),
        created_at: event.created_at,
    };
    outgoing.message(service, body)
}

impl Outgoing<'_> {
    fn message(&self, service: &str, body: Bytes) -> Publish {
        let mut headers = FieldTable::default();
        let mut header = |name: &str, value: String| {
            headers.insert(name.into(), AMQPValue::LongString(value.into()));
        };
        if let Some(cause) = self.causation_id {
            header("causation_id", cause.to_string());
        }
        if let Some(traceparent) = self.traceparent {
            header("traceparent", traceparent.to_owned());
        }
        // A message without a saga is a conversation of its own.
        let correlation = self.saga_id.map_or(self.message_id.0, |saga| saga.0);
        let seconds = u64::try_from(self.created_at.as_second()).unwrap_or_default();
        // A type that is too long is refused as a routing key, without harm to other messages.
        let properties = BasicProperties::default()
            .with_message_id(self.message_id.to_string().into())
            .with_type(ShortString::try_new(self.event_type).unwrap_or_default())
            .with_correlation_id(correlation.to_string().into())
            .with_app_id(service.into())
            .with_timestamp(seconds)
            .with_content_type(ballet_core::envelope::CONTENT_TYPE.into())
            .with_delivery_mode(PERSISTENT)
            .with_headers(headers);
        Publish {
            exchange: EVENTS.to_owned(),
            routing_key: self.event_type.to_owned(),
            mandatory: true,
            properties,
            body,
        }
    }
}
