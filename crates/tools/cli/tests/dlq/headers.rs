//! Our own headers: they do not count against a producer's limit, and other tools may encode their numbers differently.

use ballet_amqp::headers::{ATTEMPTS, REDRIVES};
use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, Publish};
use ballet_stage::wait_until;
use serde_json::{Value, json};

use crate::world::{CounterWorld, SOON, TICKED, publish_all};

/// The most headers that a service accepts by default, and their size in bytes.
const MOST_HEADERS: usize = 64;
const MOST_BYTES: usize = 32 * 1024;

/// As many headers as a producer may send, with the greatest total size.
fn headers_at_the_limit() -> Value {
    let size = MOST_BYTES / MOST_HEADERS;
    let header = |number| {
        let name = format!("producer-{number:02}");
        let value = "v".repeat(size - name.len());
        (name, json!(value))
    };
    Value::Object((0..MOST_HEADERS).map(header).collect())
}

/// Publishes a tick with headers of any type, straight to a queue or to the dead letters.
async fn publish(world: &CounterWorld, exchange: &str, id: &str, headers: &[(&str, AMQPValue)]) {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert((*name).into(), value.clone());
    }
    let properties = BasicProperties::default()
        .with_message_id(id.into())
        .with_type(TICKED.into())
        .with_headers(table);
    let message = Publish {
        exchange: exchange.to_owned(),
        routing_key: "counter".to_owned(),
        mandatory: true,
        properties,
        body: r#"{"number": 0}"#.into(),
    };
    publish_all(world.env.ops_amqp_url(), [message]).await;
}

#[tokio::test]
async fn a_message_at_the_header_limit_is_handled_after_an_edit_and_a_redrive() {
    let world = CounterWorld::new("limit").await;
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
    world.close().await;
}

#[tokio::test]
async fn counts_that_another_tool_encoded_anew_are_kept() {
    let world = CounterWorld::new("encoded").await;
    let retried = world.new_id();
    world.trouble("tick", true).await;
    // A retry that another tool has moved: it comes through the default exchange.
    publish(&world, "", &retried, &[(ATTEMPTS, AMQPValue::LongLongInt(5))]).await;
    world.dead(1).await;
    assert_eq!(world.shown(&retried).await["attempts"], 6);

    // Dead letters that another tool has put back.
    let byte = [(ATTEMPTS, AMQPValue::ShortShortInt(4)), (REDRIVES, AMQPValue::ShortShortUInt(2))];
    let long = [(ATTEMPTS, AMQPValue::LongLongInt(7)), (REDRIVES, AMQPValue::LongLongInt(3))];
    for (headers, attempts, redrives) in [(byte, 4, 2), (long, 7, 3)] {
        let id = world.new_id();
        publish(&world, "dead", &id, &headers).await;
        let dead = world.shown(&id).await;
        assert_eq!((&dead["attempts"], &dead["redrives"]), (&json!(attempts), &json!(redrives)));
        // The count of redrives goes on, that of attempts begins anew.
        world.ballet(&["redrive", "--id", &id, "--why", "to see it die"]).await.ends_with(0);
        let again = wait_until("it to be dead again", SOON, || async {
            let found = world.list(&["--id", &id]).await.pop();
            Ok::<_, String>(found.filter(|dead| dead["redrives"] == json!(redrives + 1)))
        });
        assert_eq!(again.await.expect("dead again")["attempts"], 1);
    }
    world.close().await;
}
