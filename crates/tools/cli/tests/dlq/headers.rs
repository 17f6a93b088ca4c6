//! Our own headers do not count against a producer's limit.

use serde_json::{Value, json};

use crate::world::{CounterWorld, TICKED};

/// The maximum number of headers that a service accepts by default, and their size in bytes.
const MOST_HEADERS: usize = 64;
const MOST_BYTES: usize = 32 * 1024;

/// Returns as many as a producer may send, with the maximum total size.
fn headers_at_the_limit() -> Value {
    let size = MOST_BYTES / MOST_HEADERS;
    let header = |number| {
        let name = format!("producer-{number:02}");
        let value = "v".repeat(size - name.len());
        (name, json!(value))
    };
    Value::Object((0..MOST_HEADERS).map(header).collect())
}

pub(crate) async fn a_message_at_the_header_limit_is_handled_after_an_edit_and_a_redrive(
    world: &CounterWorld,
) {
    let id = world.new_id();
    world.trouble("tick", true).await;
    let properties = json!({ "message_id": id, "type": TICKED, "headers": headers_at_the_limit() });
    world.publish(TICKED, &properties, r#"{"number": 5}"#).await;
    world.dead(1).await;
    let dead = world.shown(&id).await;
    assert_eq!(dead["reason"], "permanent", "the limit itself is accepted: {dead}");
    world.trouble("tick", false).await;

    std::fs::write(world.place.join("body.json"), r#"{"number": 7}"#).expect("written");
    let why = "the counter was full, and the number was wrong: ".repeat(20);
    world.ballet(&["edit", &id, "--body", "body.json", "--why", &why]).await.ends_with(0);
    let edited = world.shown(&id).await;
    assert_eq!(edited["headers"]["x-edited-why"], why[..500]);
    let headers = edited["headers"].as_object().expect("headers").keys();
    assert_eq!(headers.filter(|name| name.starts_with("producer-")).count(), MOST_HEADERS);
    world.ballet(&["redrive", "--id", &id, "--why", &why]).await.ends_with(0);
    world.is_counted(7).await;
    world.dead(0).await;
}
