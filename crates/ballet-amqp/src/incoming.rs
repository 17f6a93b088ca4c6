//! Maps a delivery to the parts that an envelope is read from.

use ballet_core::Incoming;
use ballet_core::cloud_event::Attributes;
use ballet_core::envelope::HeaderSize;
use lapin::BasicProperties;
use lapin::types::FieldTable;

use crate::headers::names::{CAUSATION_ID, ORIGINAL_BYTES, TRACEPARENT, is_brokers, is_ours};
use crate::headers::value::{measure, text, text_header};
use crate::session::message::Delivery;

/// Returns the parts of a delivery that the envelope is read from.
pub fn incoming(delivery: &Delivery) -> Incoming<'_> {
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
        causation_id: text_header(properties, CAUSATION_ID),
        traceparent: text_header(properties, TRACEPARENT),
        unreadable: text_header(properties, ORIGINAL_BYTES),
        attributes,
        headers,
        body: &delivery.body,
    }
}

/// Returns the CloudEvents attributes among the headers, and the size of the headers.
fn headers(properties: &BasicProperties) -> (Attributes<'_>, HeaderSize) {
    let mut attributes = Attributes::default();
    let (mut theirs, mut ours) = (HeaderSize::default(), HeaderSize::default());
    for (name, value) in properties.headers().iter().flat_map(FieldTable::inner) {
        let name = name.as_str();
        if let (Some(name), Some(text)) = (Attributes::name(name), text(value)) {
            attributes.add(name, text);
        }
        let added = is_ours(name) || is_brokers(name);
        measure(if added { &mut ours } else { &mut theirs }, name, value);
    }
    // A copy must not be refused for the headers that we and the broker added, and a producer must
    // not bypass the limit by using their names. Our headers therefore count only above `OURS`.
    theirs.count += ours.count.saturating_sub(OURS.count);
    theirs.bytes += ours.bytes.saturating_sub(OURS.bytes);
    theirs.depth = theirs.depth.max(ours.depth);
    (attributes, theirs)
}

/// More than we and the broker ever add to a copy.
const OURS: HeaderSize = HeaderSize { count: 100, bytes: 16 * 1024, depth: 0 };
