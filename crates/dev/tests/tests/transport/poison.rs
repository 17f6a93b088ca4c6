//! Messages that the AMQP client itself cannot read.

use std::collections::BTreeSet;
use std::time::Duration;

use ballet::Event;
use ballet_stage::wait_until;
use ballet_testkit::wire::raw_amqp::{Property, RawMessage, long, publish, short};
use reqwest::Url;
use serde_json::json;

use crate::scene::rome;
use crate::trip::{RoomBooked, TripBooked};
use crate::world::TripWorld;

/// The management API lists a connection some seconds after its begin.
const LISTED: Duration = Duration::from_secs(30);

/// The names of the service's connections: one that ends and is opened again has another.
async fn connections(world: &TripWorld) -> BTreeSet<String> {
    let all = world.env.management().connections().await.unwrap();
    let url: Url = world.env.amqp_url("hotel").parse().unwrap();
    let own = all.iter().filter(|one| one["user"] == url.username());
    own.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

/// Five kinds of messages with properties that are no text, each followed by a good one; then some that are too long.
#[tokio::test]
async fn t176_properties_that_no_client_can_read_are_dead_letters_at_once_and_others_go_on() {
    let world = TripWorld::hotel("no_text").await;
    let (saga, id) = (world.new_saga().to_string(), world.new_id());
    let good = |kind: Property| match kind {
        Property::Type => TripBooked::TYPE.name().as_bytes(),
        Property::CorrelationId => saga.as_bytes(),
        Property::MessageId => id.as_bytes(),
        _ => b"desk",
    };
    let all = [Property::Type, Property::CorrelationId, Property::MessageId, Property::AppId];
    let header = [&short(b"sh\xf6p")[..], b"S", &long(b"7")].concat();
    let mut bad: Vec<_> = all.map(|of| (of, &b"desk.\xff"[..])).into();
    bad.push((Property::Headers, &header));
    let connected = wait_until("a connection that the broker lists", LISTED, || async {
        Ok::<_, String>(Some(connections(&world).await).filter(|all| !all.is_empty()))
    });
    let connected = connected.await.unwrap();
    for (of, bytes) in &bad {
        let others = all.iter().filter(|other| *other != of).map(|other| (*other, good(*other)));
        let properties: Vec<_> = others.chain([(*of, *bytes)]).collect();
        let body = br#"{"city":"Rome"}"#;
        publish(
            world.env.ops_amqp_url(),
            &[RawMessage { queue: "hotel", properties: &properties, body }],
        );
        let saga = world.new_saga();
        world.publish(saga, &rome()).await;
        world.event::<RoomBooked>(saga).await;
    }
    assert!(connected.is_subset(&connections(&world).await), "a connection ended");
    let mut told = Vec::new();
    for letter in world.dead_letters(bad.len()).await {
        let headers = &letter["properties"]["headers"];
        assert_eq!(headers["x-dead-reason"], "unreadable_properties");
        assert_eq!(letter["payload"], r#"{"city":"Rome"}"#);
        let detail = headers["x-dead-detail"].as_str().unwrap().to_owned();
        told.push((detail, headers["x-original-bytes"].as_str().unwrap().to_owned()));
    }
    for (what, base64) in [
        ("`type` is not UTF-8", "ZGVzay7/"),
        ("`correlation_id` is not UTF-8", "ZGVzay7/"),
        ("`message_id` is not UTF-8", "ZGVzay7/"),
        ("`app_id` is not UTF-8", "ZGVzay7/"),
        ("header `sh\u{fffd}p` is not UTF-8", "BHNo9nBTAAAAATc="),
    ] {
        let found =
            told.iter().filter(|(detail, kept)| detail.contains(what) && kept.contains(base64));
        assert_eq!(found.count(), 1, "{what}: {told:?}");
    }
    assert_eq!(world.count("hotel", "room").await, 5);

    // RabbitMQ takes properties as long as a frame, and sends them in a longer frame. Its management API takes longer
    // ones still.
    for payload in [131_065, 131_072] {
        let header = |size| [&short(b"h")[..], b"S", &long(&vec![b'a'; size])].concat();
        // The class, the weight, the body's size, the flags, the table's length and the delivery mode.
        let others = 12 + 2 + 4 + 1 + header(0).len();
        let header = header(payload - others);
        let properties = &[(Property::Headers, &header[..])];
        publish(
            world.env.ops_amqp_url(),
            &[RawMessage { queue: "hotel", properties, body: b"{}" }],
        );
    }
    let properties = json!({"headers": {"h": "a".repeat(2 * 1024 * 1024)}});
    let published = world.env.management().publish("amq.default", "hotel", &properties, "{}").await;
    published.unwrap();
    let saga = world.new_saga();
    world.publish(saga, &rome()).await;
    world.event::<RoomBooked>(saga).await;
    assert!(connected.is_subset(&connections(&world).await), "a connection ended");
    for letter in &world.dead_letters(bad.len() + 3).await[bad.len()..] {
        let headers = &letter["properties"]["headers"];
        assert_eq!(headers["x-dead-reason"], "unreadable_properties");
        let detail = headers["x-dead-detail"].as_str().unwrap();
        assert!(detail.contains("`headers` do not fit into a frame"), "{detail}");
        assert_eq!(letter["payload"], "{}");
    }
}
