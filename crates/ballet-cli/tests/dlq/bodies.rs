//! Dead letters whose bodies are not plain text: packed, broken, or made to harm the reader.

use std::io::Write;

use ballet_amqp::{BasicProperties, Broker, Publish, RabbitMq};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt;
use serde_json::Value;

use crate::raw_amqp::{self, Raw, long, short};
use crate::world::{TICKED, World};

/// Publishes an event with a body that says it is gzip.
async fn publish_packed(world: &World, id: &str, body: Vec<u8>) {
    let session = RabbitMq::new(world.env.ops_amqp_url()).expect("a URL");
    let session = session.connect("test").await.expect("a connection");
    let mut confirms = session.confirms().await.expect("confirms");
    let properties = BasicProperties::default()
        .with_message_id(id.into())
        .with_type(TICKED.into())
        .with_content_encoding("gzip".into());
    let (exchange, routing_key) = ("events".to_owned(), TICKED.to_owned());
    let message = Publish { exchange, routing_key, mandatory: true, properties, body: body.into() };
    session.publish(&message).expect("published");
    confirms.next().await.expect("a confirm").expect("confirmed");
    session.close().await;
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).expect("packed");
    packed.finish().expect("packed")
}

async fn whole(world: &World, id: &str) -> Value {
    let shown = world.ballet(&["show", id, "-o", "json"]).await.succeeds();
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    shown[0].clone()
}

#[tokio::test]
async fn t81_a_packed_body_is_shown_and_edited_as_text() {
    let world = World::new("packed").await;
    let id = world.new_id();
    publish_packed(&world, &id, gzip(r#"{"nummer": 5}"#)).await;
    world.dead(1).await;
    let shown = world.ballet(&["show", &id]).await.succeeds();
    assert!(shown.contains("\"nummer\": 5") && shown.contains("unpacked 13"), "{shown}");
    let before = whole(&world, &id).await;
    assert_eq!(before["body_unpacked"], r#"{"nummer": 5}"#);
    assert!(before["body_base64"].is_string(), "the exact bytes are told as well: {before}");

    let mut edit = world.command(&["edit", &id]);
    edit.env("VISUAL", "sed -i s/nummer/number/").env("TMPDIR", &world.place);
    crate::world::ended(edit).await.ends_with(0);
    let after = whole(&world, &id).await;
    assert_eq!(after["properties"]["content_encoding"], Value::Null, "it is plain now: {after}");
    world.ballet(&["redrive", "--id", &id]).await.ends_with(0);
    assert_eq!(world.counted().await, [(5, 1)]);
    world.close().await;
}

#[tokio::test]
async fn a_body_that_cannot_be_unpacked_is_told_and_can_be_replaced() {
    let world = World::new("broken").await;
    let id = world.new_id();
    publish_packed(&world, &id, vec![0x1f, 0x8b, 0xff, 0xff]).await;
    world.dead(1).await;
    let shown = world.ballet(&["show", &id]).await.succeeds();
    assert!(shown.contains("the body is not a single gzip stream"), "{shown}");
    let edit = world.ballet(&["edit", &id]).await.ends_with(2);
    assert!(edit.err.contains("--body FILE"), "{edit:?}");
    std::fs::write(world.place.join("body.json"), r#"{"number": 5}"#).expect("written");
    world.ballet(&["edit", &id, "--body", "body.json"]).await.ends_with(0);
    world.ballet(&["redrive", "--id", &id]).await.ends_with(0);
    assert_eq!(world.counted().await, [(5, 1)]);
    world.close().await;
}

#[tokio::test]
async fn a_dead_letter_with_headers_that_are_nested_without_end_is_read_and_sent_back() {
    let world = World::new("nested").await;
    let mut headers = Vec::new();
    while headers.len() < 120_000 {
        headers = [&short(b"")[..], b"F", &long(&headers)].concat();
    }
    // Where the broker puts what has ended its reader too often: as it came.
    let (kind, body) = (TICKED.as_bytes(), br#"{"number": 0}"#);
    let poison = Raw { queue: "counter.dead", kind, headers: &headers, body };
    raw_amqp::publish(world.env.ops_amqp_url(), &[poison]);
    world.dead(1).await;
    let groups = world.ballet(&["groups"]).await.ends_with(0);
    assert!(groups.out.contains(TICKED), "{groups:?}");
    let id = world.list(&[]).await[0]["id"].as_str().expect("an id").to_owned();
    world.ballet(&["show", &id]).await.ends_with(0);
    let shown = whole(&world, &id).await.to_string();
    assert!(shown.contains("nested too deep to be shown"), "{shown}");
    world.ballet(&["redrive", "--all"]).await.ends_with(0);
    world.all_counted_once(1).await;
    world.close().await;
}
