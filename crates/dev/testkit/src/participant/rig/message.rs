//! Messages of a saga, as the services published them that the suite stands in for.

use ballet::Clock;
use ballet::core::EventType;
use ballet::core::envelope::pack;
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

/// Events of one type as one message, each with its saga, its id and its body.
pub(crate) fn pack(event: EventType, members: &[(Uuid, Uuid, Value)]) -> (Value, String) {
    let member = |(saga, id, body): &(Uuid, Uuid, Value)| {
        let alone = properties(event, *saga, *id);
        let header = |name: &str| alone["headers"][name].clone();
        json!({
            "specversion": "1.0", "id": id, "source": event.service(), "type": event.name(),
            "correlationid": saga, "causationid": header("causation_id"),
            "traceparent": header("traceparent"), "data": body,
        })
    };
    let body: Value = members.iter().map(member).collect();
    let properties = json!({
        "type": event.name(), "app_id": event.service(), "content_type": pack::CONTENT_TYPE,
        "delivery_mode": 2, "headers": { "x-members": members.len() },
    });
    (properties, body.to_string())
}
