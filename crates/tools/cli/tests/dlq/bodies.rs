//! Dead letters whose bodies are packed, broken, or made to harm the reader.

use ballet_amqp::{BasicProperties, Publish};
use serde_json::Value;

use crate::world::{CounterWorld, TICKED, publish_all};
use ballet_testkit::wire::raw_amqp::{self, Property, RawMessage, long, short};

/// It says that it is gzip.
async fn publish_packed(world: &CounterWorld, id: &str, body: Vec<u8>) {
    let properties = BasicProperties::default()
        .with_message_id(id.into())
        .with_type(TICKED.into())
        .with_content_encoding("gzip".into());
    let (exchange, routing_key) = ("events".to_owned(), TICKED.to_owned());
    let message = Publish { exchange, routing_key, mandatory: true, properties, body: body.into() };
    publish_all(world.env.ops_amqp_url(), [message]).await;
}

pub(crate) async fn a_packed_body_is_shown_as_bytes_and_replaced(world: &CounterWorld) {
    let id = world.new_id();
    publish_packed(world, &id, vec![0x1f, 0x8b, 0xff, 0xff]).await;
    world.dead(1).await;
    world.ballet(&["show", &id]).await.ends_with(0).prints(&["the body is not UTF-8"]);
    let before = world.shown(&id).await;
    assert!(before["body_base64"].is_string(), "{before}");
    std::fs::write(world.place.join("body.json"), r#"{"number": 6}"#).expect("written");
    world.ballet(&["edit", &id, "--body", "body.json"]).await.ends_with(0);
    let after = world.shown(&id).await;
    assert_eq!(after["properties"]["content_encoding"], Value::Null, "it is plain now: {after}");
    world.ballet(&["redrive", "--id", &id]).await.ends_with(0);
    world.are_counted(1).await;
    assert_eq!(world.counted().await, [(6, 1)]);
}

/// Somebody puts them there as they are, with the unreadable ones.
pub(crate) async fn letters_that_cannot_be_read_are_listed_shown_edited_redriven_and_discarded(
    world: &CounterWorld,
) {
    let readable = world.dead_ticks(1).await;
    let (no_type, no_app) = (world.new_id(), world.new_id());
    let body = br#"{"number": 3}"#;
    for (id, kind, app) in
        [(&no_type, &b"t\xff"[..], &b"bell"[..]), (&no_app, TICKED.as_bytes(), &b"\xff"[..])]
    {
        let properties =
            [(Property::MessageId, id.as_bytes()), (Property::Type, kind), (Property::AppId, app)];
        let poison = RawMessage { queue: "counter.dead", properties: &properties, body };
        raw_amqp::publish(world.env.ops_amqp_url(), &[poison]);
    }
    world.dead(3).await;
    let listed = world.list(&[]).await;
    let ids: Vec<_> = listed.iter().filter_map(|letter| letter["id"].as_str()).collect();
    assert!(ids.contains(&&*no_type) && ids.contains(&&*no_app) && ids.len() == 3, "{ids:?}");
    let shown = world.shown(&no_app).await.to_string();
    assert!(shown.contains("app_id") && shown.contains("is not UTF-8"), "{shown}");

    std::fs::write(world.place.join("body.json"), r#"{"number": 4}"#).expect("written");
    world.ballet(&["edit", &no_app, "--body", "body.json"]).await.ends_with(0);
    let edited = world.shown(&no_app).await.to_string();
    assert!(edited.contains("x-original-bytes"), "{edited}");
    world.ballet(&["redrive", "--id", &no_app]).await.ends_with(0);
    world.ballet(&["redrive", "--id", &readable[0]]).await.ends_with(0);
    world.are_counted(2).await;
    assert!(world.counted().await.contains(&(4, 1)));

    world.ballet(&["redrive", "--id", &no_type]).await.ends_with(0);
    world.are_redriven(&[1]).await;
    let again = world.shown(&no_type).await.to_string();
    assert!(again.contains("no_type"), "{again}");
    world.ballet(&["discard", "--yes", "--id", &no_type]).await.ends_with(0);
    world.dead(0).await;
    let mut headers = Vec::new();
    while headers.len() < 120_000 {
        headers = [&short(b"")[..], b"F", &long(&headers)].concat();
    }
    let properties = [(Property::Type, TICKED.as_bytes()), (Property::Headers, &headers)];
    let body = br#"{"number": 5}"#;
    let poison = RawMessage { queue: "counter.dead", properties: &properties, body };
    raw_amqp::publish(world.env.ops_amqp_url(), &[poison]);
    world.dead(1).await;
    world.ballet(&["groups"]).await.ends_with(0).prints(&[TICKED]);
    let id = world.list(&[]).await[0]["id"].as_str().expect("an id").to_owned();
    world.ballet(&["show", &id]).await.ends_with(0);
    let shown = world.shown(&id).await.to_string();
    assert!(shown.contains("is nested too deep"), "{shown}");
    world.ballet(&["redrive", "--all"]).await.ends_with(0);
    world.are_counted(3).await;
}
