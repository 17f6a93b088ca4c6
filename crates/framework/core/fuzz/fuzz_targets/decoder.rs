//! The decoder takes or refuses any message, always in the same way, and never panics.
//! `tests/decoder` shows this for generated messages; here libFuzzer searches for others, guided by
//! the code that they reach.
//!
//! `cargo +nightly fuzz run decoder`, with cargo-fuzz, in `crates/framework/core`.

#![no_main]

use arbitrary::Arbitrary;
use ballet_core::envelope::HeaderSize;
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/decoder/message.rs"]
mod message;

#[derive(Debug, Arbitrary)]
struct Input {
    straight: bool,
    /// The event's name if missing.
    routing_key: Option<String>,
    event_type: Option<String>,
    message_id: Option<Id>,
    correlation_id: Option<Id>,
    app_id: Option<String>,
    content_type: Option<ContentType>,
    content_encoding: Option<String>,
    headers: Vec<(String, String)>,
    size: Option<(usize, usize, usize)>,
    body: Vec<u8>,
    /// The body is packed with gzip.
    packed: bool,
}

#[derive(Debug, Arbitrary)]
enum Id {
    Good,
    Other(String),
}

#[derive(Debug, Arbitrary)]
enum ContentType {
    Json,
    CloudEvent,
    Other(String),
}

fn id(id: Id) -> String {
    match id {
        Id::Good => message::SOME_ID.to_owned(),
        Id::Other(text) => text,
    }
}

fuzz_target!(|input: Input| {
    let content_type = input.content_type.map(|content_type| match content_type {
        ContentType::Json => "application/json".to_owned(),
        ContentType::CloudEvent => "application/cloudevents+json".to_owned(),
        ContentType::Other(text) => text,
    });
    let (count, bytes, depth) = input.size.unwrap_or_default();
    let message = message::OwnedMessage {
        exchange: if input.straight { "" } else { "events" },
        routing_key: input.routing_key.unwrap_or_else(|| message::NAME.to_owned()),
        event_type: input.event_type,
        message_id: input.message_id.map(id),
        correlation_id: input.correlation_id.map(id),
        app_id: input.app_id,
        content_type,
        content_encoding: if input.packed { Some("gzip".into()) } else { input.content_encoding },
        headers: input.headers,
        size: HeaderSize { count, bytes, depth },
        carbon_copy: false,
        unkept_header: None,
        body: if input.packed { message::gzip(&input.body) } else { input.body },
    };
    message::refusal(&message);
});
