//! A message of a saga, as the services publish it that the suite stands for.

use ballet::Clock;
use ballet::core::EventType;
use serde_json::{Value, json};
use uuid::Uuid;

/// The properties with which an event of a saga is published.
pub(crate) fn properties(event: EventType, saga: Uuid, id: Uuid) -> Value {
    let trace = format!("00-{}-00f067aa0ba902b7-01", saga.simple());
    let clock = Clock::system();
    let now = clock.now();
    json!({
        "message_id": id, "type": event.name(), "correlation_id": saga, "app_id": event.service(),
        "content_type": "application/json", "delivery_mode": 2, "timestamp": now.as_second(),
        "headers": { "causation_id": clock.new_id(now), "traceparent": trace },
    })
}
