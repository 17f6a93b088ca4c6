//! The members of packs, in messages as the management API writes them.

use ballet::core::envelope::{CONTENT_TYPE, pack};
use ballet::core::topology::DEAD;
use serde_json::{Value, json};

/// The properties and headers of a member, with the attributes that say them.
const PROPERTIES: [(&str, &str); 4] = [
    ("message_id", "id"),
    ("type", "type"),
    ("app_id", "source"),
    ("correlation_id", "correlationid"),
];
const HEADERS: [(&str, &str); 2] =
    [("causation_id", "causationid"), ("traceparent", "traceparent")];

/// Returns the messages that a pack bears, or the message itself.
pub(crate) fn members(message: Value) -> Vec<Value> {
    let is_pack = pack::is_pack(message["properties"]["content_type"].as_str());
    let body = message["payload"].as_str().filter(|_| is_pack && message["exchange"] != DEAD);
    let events = body.and_then(|body| serde_json::from_str::<Vec<Value>>(body).ok());
    let Some(events) = events else { return vec![message] };
    let alone = |event: Value| {
        let mut alone = message.clone();
        let properties = &mut alone["properties"];
        properties["content_type"] = json!(CONTENT_TYPE);
        properties["headers"] = json!({});
        for (name, attribute) in PROPERTIES {
            properties[name] = event[attribute].clone();
        }
        for (name, attribute) in HEADERS {
            properties["headers"][name] = event[attribute].clone();
        }
        alone["payload"] = json!(event["data"].to_string());
        alone
    };
    events.into_iter().map(alone).collect()
}
