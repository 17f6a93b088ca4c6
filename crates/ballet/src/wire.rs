//! Between the broker's messages and the core's envelopes.

use ballet_core::cloud_event::Attributes;
use ballet_core::envelope::HeaderSize;
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
    let (attributes, headers) = headers(properties);
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
        attributes,
        headers,
        body: &delivery.body,
    }
}

/// A header's text, if it has one by that name.
pub(crate) fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a str> {
    text(properties.headers().as_ref()?.inner().get(name)?)
}

fn text(value: &AMQPValue) -> Option<&str> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        _ => None,
    }
}

/// The CloudEvents attributes among the headers, and how much the headers are.
fn headers(properties: &BasicProperties) -> (Attributes<'_>, HeaderSize) {
    let mut attributes = Attributes::default();
    let (mut theirs, mut ours) = (HeaderSize::default(), HeaderSize::default());
    for (name, value) in properties.headers().iter().flat_map(FieldTable::inner) {
        let name = name.as_str();
        if let (Some(name), Some(text)) = (Attributes::name(name), text(value)) {
            attributes.add(name, text);
        }
        add_size(if is_ours(name) { &mut ours } else { &mut theirs }, name, value);
    }
    // A copy must not be refused for what was added to it, nor anything pass under such a name.
    theirs.count += ours.count.saturating_sub(OURS.count);
    theirs.bytes += ours.bytes.saturating_sub(OURS.bytes);
    theirs.depth = theirs.depth.max(ours.depth);
    (attributes, theirs)
}

/// More than the copies that we and the broker make ever add.
const OURS: HeaderSize = HeaderSize { count: 100, bytes: 16 * 1024, depth: 0 };

/// Whether a header is one that a copy of a message gets.
fn is_ours(name: &str) -> bool {
    let prefixes =
        ["x-dead-", "x-original-", "x-retr", "x-redrive", "x-first-death-", "x-last-death-"];
    ["x-attempts", "x-death", "x-delivery-count"].contains(&name)
        || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// How deep a header's value is nested.
pub(crate) fn depth(value: &AMQPValue) -> usize {
    let mut size = HeaderSize::default();
    add_size(&mut size, "", value);
    size.depth
}

/// Without recursion: how deep it goes is what is being found out.
fn add_size(size: &mut HeaderSize, name: &str, value: &AMQPValue) {
    let mut open = vec![(name, value, 0)];
    while let Some((name, value, depth)) = open.pop() {
        size.count += 1;
        size.bytes += name.len();
        size.depth = size.depth.max(depth);
        match value {
            AMQPValue::FieldTable(table) => {
                let inner = table.inner().iter();
                open.extend(inner.map(|(name, value)| (name.as_str(), value, depth + 1)));
            }
            AMQPValue::FieldArray(list) => {
                open.extend(list.as_slice().iter().map(|value| ("", value, depth + 1)));
            }
            AMQPValue::LongString(text) => size.bytes += text.as_bytes().len(),
            AMQPValue::ByteArray(bytes) => size.bytes += bytes.as_slice().len(),
            AMQPValue::ShortString(text) => size.bytes += text.as_str().len(),
            _ => size.bytes += 8,
        }
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
