//! Maps a delivery to the parts that an envelope is read from.

use ballet_core::Incoming;
use ballet_core::cloud_event::Attributes;
use ballet_core::envelope::HeaderSize;
use lapin::BasicProperties;
use lapin::types::FieldTable;

use crate::headers::names::{CAUSATION_ID, ORIGINAL_BYTES, TRACEPARENT, is_brokers, is_ours};
use crate::headers::value::{measure, text, text_header, unkept};
use crate::session::message::Delivery;

/// Returns the parts of a delivery that the envelope is read from.
pub fn incoming(delivery: &Delivery) -> Incoming<'_> {
    let properties = &delivery.properties;
    let Headers { attributes, size, carbon_copy, unkept } = headers(properties);
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
        headers: size,
        carbon_copy,
        unkept_header: unkept,
        body: &delivery.body,
    }
}

#[derive(Default)]
struct Headers<'a> {
    /// The CloudEvents attributes.
    attributes: Attributes<'a>,
    size: HeaderSize,
    carbon_copy: bool,
    /// The first header that the journal cannot keep, and why.
    unkept: Option<(&'a str, &'static str)>,
}

fn headers(properties: &BasicProperties) -> Headers<'_> {
    let mut found = Headers::default();
    let (mut theirs, mut ours) = (HeaderSize::default(), HeaderSize::default());
    for (name, value) in properties.headers().iter().flat_map(FieldTable::inner) {
        let name = name.as_str();
        if let (Some(name), Some(text)) = (Attributes::name(name), text(value)) {
            found.attributes.add(name, text);
        }
        // The broker takes `BCC` away before it delivers a message.
        found.carbon_copy |= name == "CC";
        found.unkept = found.unkept.or_else(|| Some((name, unkept(name, value)?)));
        let added = is_ours(name) || is_brokers(name);
        measure(if added { &mut ours } else { &mut theirs }, name, value);
    }
    // A copy must not be refused for the headers that we and the broker added, and a producer must
    // not bypass the limit by using their names. Our headers therefore count only above `OURS`.
    theirs.count += ours.count.saturating_sub(OURS.count);
    theirs.bytes += ours.bytes.saturating_sub(OURS.bytes);
    theirs.depth = theirs.depth.max(ours.depth);
    found.size = theirs;
    found
}

/// More than we and the broker ever add to a copy.
const OURS: HeaderSize = HeaderSize { count: 100, bytes: 16 * 1024, depth: 0 };
