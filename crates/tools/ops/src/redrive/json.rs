//! Dead letters as JSON.

use ballet_amqp::FieldTable;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::redrive::dead_letter::DeadLetter;
use crate::stream::recording::properties::properties_as_json;
use crate::stream::recording::value::headers_as_json;

/// Returns the whole dead letter. `body` is exact text; other bodies are in `body_base64`.
#[must_use]
pub fn full(dead_letter: &DeadLetter) -> Value {
    let mut json = summary(dead_letter);
    json["properties"] = properties(dead_letter);
    json["headers"] = headers(dead_letter.properties.headers().as_ref());
    match dead_letter.text() {
        Some(text) => json["body"] = json!(text),
        None => json["body_base64"] = json!(BASE64_STANDARD.encode(&dead_letter.body)),
    }
    json
}

/// Returns the dead letter without its properties, headers and body.
#[must_use]
pub fn summary(dead_letter: &DeadLetter) -> Value {
    let DeadLetter { service, reason, step, detail, attempts, redrives, .. } = dead_letter;
    json!({
        "service": service, "id": dead_letter.id.to_string(), "type": dead_letter.event_type,
        "saga": dead_letter.saga, "reason": reason, "step": step, "detail": detail,
        "dead_at": dead_letter.dead_at.map(|at| at.to_string()), "attempts": attempts,
        "redrives": redrives, "exchange": dead_letter.exchange,
        "routing_key": dead_letter.routing_key,
    })
}

/// Returns its properties, without the headers.
#[must_use]
pub fn properties(dead_letter: &DeadLetter) -> Value {
    Value::Object(properties_as_json(&dead_letter.properties))
}

/// Returns headers as an object.
#[must_use]
pub fn headers(headers: Option<&FieldTable>) -> Value {
    Value::Object(headers.map(headers_as_json).unwrap_or_default())
}
