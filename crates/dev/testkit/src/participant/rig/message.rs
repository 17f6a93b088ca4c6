//! Messages of a saga, as the services published them that the suite stands in for.

use ballet::Clock;
use ballet::core::EventType;
use serde_json::{Value, json};
use uuid::Uuid;

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
