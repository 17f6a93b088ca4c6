//! Maps a delivery to the parts that an envelope is read from.

use ballet_core::Incoming;
use ballet_core::cloud_event::Attributes;
use ballet_core::envelope::HeaderSize;
use lapin::BasicProperties;
use lapin::types::FieldTable;

use crate::headers::names::{
    BAGGAGE, CAUSATION_ID, MEMBERS, ORIGINAL_BYTES, TRACEPARENT, TRACESTATE, is_brokers, is_ours,
};
use crate::headers::value::{integer, measure, text, unkept};
use crate::session::message::Delivery;

/// Returns the parts of a delivery that the envelope is read from.
pub fn incoming(delivery: &Delivery) -> Incoming<'_> {
    let Delivery { exchange, routing_key, properties, body, .. } = delivery;
    incoming_of(exchange, routing_key, properties, body)
}

/// Returns the parts of a message that was recorded.
pub fn incoming_of<'a>(
    exchange: &'a str,
    routing_key: &'a str,
    properties: &'a BasicProperties,
    body: &'a [u8],
) -> Incoming<'a> {
    let mut incoming = Incoming {
        exchange,
        routing_key,
        event_type: properties.kind().as_ref().map(|text| text.as_str()),
        message_id: properties.message_id().as_ref().map(|text| text.as_str()),
        correlation_id: properties.correlation_id().as_ref().map(|text| text.as_str()),
        app_id: properties.app_id().as_ref().map(|text| text.as_str()),
        content_type: properties.content_type().as_ref().map(|text| text.as_str()),
        content_encoding: properties.content_encoding().as_ref().map(|text| text.as_str()),
        body,
        ..Incoming::default()
    };
    read_headers(properties, &mut incoming);
    incoming
}

fn read_headers<'a>(properties: &'a BasicProperties, incoming: &mut Incoming<'a>) {
    let (mut theirs, mut ours) = (HeaderSize::default(), HeaderSize::default());
    for (name, value) in properties.headers().iter().flat_map(FieldTable::inner) {
        let name = name.as_str();
        match name {
            CAUSATION_ID => incoming.causation_id = text(value),
            TRACEPARENT => incoming.traceparent = text(value),
            TRACESTATE => incoming.tracestate = text(value),
            BAGGAGE => incoming.baggage = text(value),
            MEMBERS => incoming.members = integer(value),
            ORIGINAL_BYTES => incoming.unreadable = text(value),
            // The broker removes `BCC` before it delivers a message.
            "CC" => incoming.carbon_copy = true,
            _ => {
                if let (Some(name), Some(text)) = (Attributes::name(name), text(value)) {
                    incoming.attributes.add(name, text);
                }
            }
        }
        incoming.unkept_header =
            incoming.unkept_header.or_else(|| Some((name, unkept(name, value)?)));
        let added = is_ours(name) || is_brokers(name);
        measure(if added { &mut ours } else { &mut theirs }, name, value);
    }
    // A copy must not be refused for headers that we and the broker added, and a producer must not
    // bypass the limit by their names. So our headers count only above `OURS`.
    theirs.count += ours.count.saturating_sub(OURS.count);
    theirs.bytes += ours.bytes.saturating_sub(OURS.bytes);
    theirs.depth = theirs.depth.max(ours.depth);
    incoming.headers = theirs;
}

/// More than we and the broker ever add to a copy.
const OURS: HeaderSize = HeaderSize { count: 100, bytes: 16 * 1024, depth: 0 };
