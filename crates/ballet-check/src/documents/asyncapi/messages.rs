//! An event as a message: its properties and headers, and the place of its saga's id.

use ballet_core::{EventType, Key, Role};
use serde_json::{Value, json};

/// Returns the message of an event with these business keys. `schema` is that of its body, whose description is used.
pub(super) fn message(event: EventType, schema: &Value, keys: &[Key]) -> Value {
    let name = event.name();
    let mut message = json!({
        "name": name,
        "title": schema["title"].as_str().unwrap_or_else(|| event.event()),
        "contentType": "application/json",
        "headers": headers(event),
        "payload": { "$ref": format!("#/components/schemas/{name}") },
        "bindings": { "amqp": { "messageType": name, "bindingVersion": "0.3.0" } },
        "x-ballet-role": event.role(),
    });
    if event.role() != Role::Plain {
        message["correlationId"] = json!({
            "description": "The saga's id.",
            "location": "$message.header#/correlation_id",
        });
    }
    if let Some(meaning) = schema["description"].as_str() {
        message["summary"] = json!(meaning.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    if !event.foreign_producers().is_empty() {
        message["x-ballet-also-from"] = json!(event.foreign_producers());
    }
    if !keys.is_empty() {
        message["x-ballet-keys"] = json!(keys);
    }
    let examples = schema["examples"].as_array().into_iter().flatten();
    let examples: Vec<Value> = examples.map(|example| json!({ "payload": example })).collect();
    if !examples.is_empty() {
        message["examples"] = examples.into();
    }
    message
}

/// Returns the schema of a message's AMQP properties and headers.
fn headers(event: EventType) -> Value {
    let text = |format: &str, about: &str| {
        let mut schema = json!({ "type": "string", "description": about });
        if !format.is_empty() {
            schema["format"] = json!(format);
        }
        schema
    };
    let mut required = vec!["message_id", "type", "content_type"];
    let saga = match event.role() {
        Role::Plain => "A property: the saga's id, if the event came about in one.",
        Role::StartsSaga => {
            "A property: the saga's id. Without one, the saga takes the message's id."
        }
        Role::InSaga => {
            required.push("correlation_id");
            "A property: the saga's id."
        }
    };
    let mut publisher = vec![event.service()];
    publisher.extend(event.foreign_producers());
    json!({
        "type": "object",
        "required": required,
        "properties": {
            "message_id": text("uuid", "A property: the message's id, a UUIDv7. The same id is the \
                                        same message, which has its effect once."),
            "type": { "type": "string", "const": event.name(),
                "description": "A property: the event's name, which is the routing key as well." },
            "correlation_id": text("uuid", saga),
            "content_type": { "type": "string", "const": "application/json",
                "description": "A property." },
            "app_id": { "type": "string", "enum": publisher,
                "description": "A property: the publisher." },
            "timestamp": { "type": "integer",
                "description": "A property: when it was published, in seconds since 1970." },
            "causation_id": text("uuid", "The id of the message that caused this one."),
            "traceparent": text("", "The trace, as in W3C Trace Context."),
        },
    })
}
