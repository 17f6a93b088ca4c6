//! A message on which the service in Python fails each time.

use ballet::core::MessageId;
use ballet_stage::{left_out, python};
use serde_json::json;

use crate::alone::{self, PYTHON, TRIGGER};

const SAGA: &str = "0193f7a0-0000-4000-8000-000000000001";
/// The points exceed a `bigint`.
const BODY: &str = r#"{"customer_id": "0193f7a0-0000-4000-8000-000000000002",
    "total": {"amount_minor": 1000000000000000000000000, "currency": "EUR"}}"#;

#[tokio::test]
async fn what_fails_each_time_waits_in_every_retry_queue_and_then_is_a_dead_letter() {
    let Some(python) = python().await else { return left_out(PYTHON) };
    let system = alone::asleep("retries").await;
    let program = alone::start(&python, &system);
    let properties = json!({
        "correlation_id": SAGA, "content_type": "application/json", "delivery_mode": 2, "headers": { "price": 7 },
    });
    system.publish_raw(TRIGGER, &properties, BODY).await;
    let letter = system.dead_letters(1).await.remove(0);
    assert_eq!(letter["payload"], BODY);
    let (properties, headers) = (&letter["properties"], &letter["properties"]["headers"]);
    // The message's missing properties were derived before it first waited.
    assert_eq!(properties["type"], TRIGGER);
    assert_eq!(properties["correlation_id"], SAGA);
    // As every consumer derives it: the same body in another saga is another message.
    let id = MessageId::derived_from_content(TRIGGER, Some(SAGA), BODY.as_bytes());
    assert_eq!(properties["message_id"], id.to_string());
    assert_eq!(headers["x-dead-reason"], "failed");
    assert!(headers["x-dead-detail"].as_str().expect("text").contains("OutOfRange"), "{headers}");
    // Three attempts at first, and three after each of four retry queues.
    assert_eq!(headers["x-attempts"], 15);
    assert_eq!(headers["x-dead-exchange"], "events");
    assert_eq!(headers["x-dead-routing-key"], TRIGGER);
    assert_eq!(headers["price"], 7);
    assert_eq!(headers["x-death"], json!(null));
    drop(program);
    system.close(1).await;
}
