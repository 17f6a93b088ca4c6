//! A message on which the service in Python fails each time.

use std::process::Stdio;
use std::time::Duration;

use ballet::core::{MessageId, System, topology};
use ballet_stage::{Servers, TestEnv, python, wait_until};
use serde_json::json;
use tokio::process::Command;

use crate::contract::in_python;
use crate::faults;

const TRIGGER: &str = "orders.order_placed.v1";
const SAGA: &str = "0193f7a0-0000-4000-8000-000000000001";
/// More points than a `bigint` holds.
const BODY: &str = r#"{"customer_id": "0193f7a0-0000-4000-8000-000000000002",
    "total": {"amount_minor": 1000000000000000000000000, "currency": "EUR"}}"#;

#[tokio::test]
async fn what_fails_each_time_waits_in_every_retry_queue_and_then_is_a_dead_letter() {
    let servers = Servers::shared().await.expect("servers");
    let system = System { name: "shop", parts: vec![in_python().part] };
    let definitions = topology::definitions(&system, |_| String::new());
    let env = TestEnv::new(servers, "retries", &definitions, &["loyalty"]).await;
    let env = env.expect("a test environment");
    let program = Command::new(python().await.expect("a Python with pika and psycopg"))
        .args(["-m", "loyalty"])
        .current_dir(faults::original())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AMQP_URL", env.amqp_url("loyalty"))
        .env("DATABASE_URL", env.database_url("loyalty"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("a process");
    let properties = json!({
        "correlation_id": SAGA, "content_type": "application/json", "delivery_mode": 2, "headers": { "price": 7 },
    });
    let management = env.management();
    let routed = management.publish("events", TRIGGER, &properties, BODY).await;
    assert!(routed.expect("published"));
    let letter = wait_until("a dead letter", Duration::from_secs(60), || async {
        Ok::<_, ballet_stage::Error>(management.peek("loyalty.dead", 1).await?.pop())
    });
    let letter = letter.await.expect("a dead letter");
    assert_eq!(letter["payload"], BODY);
    let (properties, headers) = (&letter["properties"], &letter["properties"]["headers"]);
    // What the message did not say was derived from it before it first waited.
    assert_eq!(properties["type"], TRIGGER);
    assert_eq!(properties["correlation_id"], SAGA);
    // As every consumer derives it, in whatever language: the same body in another saga is another message.
    let id = MessageId::derived_from_content(TRIGGER, Some(SAGA), BODY.as_bytes());
    assert_eq!(properties["message_id"], id.to_string());
    assert_eq!(headers["x-dead-reason"], "failed");
    assert!(headers["x-dead-detail"].as_str().expect("text").contains("OutOfRange"), "{headers}");
    // Three attempts at once, at first and after each of four retry queues.
    assert_eq!(headers["x-attempts"], 15);
    assert_eq!(headers["x-dead-exchange"], "events");
    assert_eq!(headers["x-dead-routing-key"], TRIGGER);
    assert_eq!(headers["price"], 7);
    assert_eq!(headers["x-death"], json!(null));
    drop(program);
    env.close().await.expect("closed");
}
