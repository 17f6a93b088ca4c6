//! Dead letters and delayed messages that the broker does not take.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ballet::Event;
use ballet_stage::{Method, wait_until};
use ballet_testkit::health::until_ready;
use ballet_testkit::wire::raw_amqp::{self, Property, RawMessage, long, short};
use serde_json::{Value, json};

use crate::scene::rome;
use crate::trip::{RoomBooked, TripBooked};
use crate::world::{SOON, TripWorld};

/// The number is above the prefetch.
const BROKEN: usize = 700;
/// Generous for a busy machine.
const SOON_ENOUGH: Duration = Duration::from_secs(15);

const FILLING: &str = "no dead letter";

/// A queue refuses only after it has written its messages, and takes a burst until then. So it is filled before the
/// first dead letter comes.
async fn no_room(world: &TripWorld) {
    room_for(world, 1).await;
    let management = world.env.management();
    wait_until("a full queue", SOON, || async {
        match management.publish("amq.default", "hotel.dead", &json!({}), FILLING).await {
            Err(refused) if refused.to_string().contains("Check queue limits") => Ok(Some(())),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
}

async fn dead_letters(world: &TripWorld) -> Vec<Value> {
    let mut found = world.env.management().peek("hotel.dead", 2_000).await.unwrap();
    found.retain(|message| message["payload"] != FILLING);
    found
}

async fn room_for(world: &TripWorld, count: u32) {
    let full = json!({"pattern": r"^hotel\.dead$", "apply-to": "queues", "priority": 9,
        "definition": {"max-length": count, "overflow": "reject-publish"}});
    let policy = ["policies", world.env.vhost(), "full"];
    world.env.management().call(Method::PUT, &policy, Some(&full)).await.unwrap();
}

async fn publish_broken(world: &TripWorld, count: usize) {
    let url = world.env.ops_amqp_url().to_owned();
    let broken = move || {
        let bodies: Vec<_> = (0..count).map(|number| format!("broken {number}")).collect();
        let raw = |body| RawMessage { queue: "hotel", properties: &[], body };
        let messages: Vec<_> = bodies.iter().map(|body| raw(body.as_bytes())).collect();
        raw_amqp::publish(&url, &messages);
    };
    tokio::task::spawn_blocking(broken).await.unwrap();
}

#[tokio::test]
async fn t173_dead_letters_that_the_broker_does_not_take_stop_nobody_and_are_not_lost() {
    let world = TripWorld::hotel("unsent").await;
    no_room(&world).await;
    publish_broken(&world, BROKEN).await;
    let (saga, begun) = (world.new_saga(), Instant::now());
    world.publish(saga, &rome()).await;
    world.event::<RoomBooked>(saga).await;
    assert!(begun.elapsed() < SOON_ENOUGH, "{:?}", begun.elapsed());
    world.until_empty("hotel").await;
    assert!(world.count("hotel", "ballet.unsent_copy").await > 500);

    // The headers fill a frame, so the copy is refused with them, and without them while there is no room.
    let url = world.env.ops_amqp_url().to_owned();
    let publish = move || {
        let header = [&short(b"foreign")[..], b"S", &long(&[b'x'; 127_500])].concat();
        let properties = [(Property::Headers, &header[..])];
        raw_amqp::publish(
            &url,
            &[RawMessage { queue: "hotel", properties: &properties, body: b"big" }],
        );
    };
    tokio::task::spawn_blocking(publish).await.unwrap();
    world.until_count("hotel", "ballet.unsent_copy where body = 'big'", 1).await;

    room_for(&world, 100_000).await;
    world.until_count("hotel", "ballet.unsent_copy", 0).await;
    let dead = dead_letters(&world).await;
    let bodies: BTreeSet<_> = dead.iter().map(|dead| dead["payload"].to_string()).collect();
    assert_eq!((dead.len(), bodies.len()), (BROKEN + 1, BROKEN + 1), "each once");
    let reason = |dead: &Value| dead["properties"]["headers"]["x-dead-reason"].clone();
    assert!(dead.iter().all(|dead| dead["payload"] == "big" || reason(dead) == "no_type"));
    let big = dead.iter().find(|dead| dead["payload"] == "big").unwrap();
    let note = &big["properties"]["headers"]["x-dead-headers"];
    assert_eq!(note, "the original headers were too big and were dropped");
}

/// A user who may publish one event fills neither the broker nor the consumer's database.
#[tokio::test]
async fn t217_beside_a_full_queue_what_no_handler_got_is_left_in_the_journal_and_the_rest_is_kept()
{
    let world = TripWorld::hotel("unsent_unread").await;
    no_room(&world).await;
    for number in 0..50 {
        let broken = format!("broken {number}");
        world.publish_raw(TripBooked::TYPE.name(), &json!({}), broken).await;
    }
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Broken".into() }).await;
    let kept = format!("ballet.unsent_copy where convert_from(properties, 'utf8') like '%{saga}%'");
    world.until_count("hotel", &kept, 1).await;
    world.until_empty("hotel").await;
    assert_eq!(world.count("hotel", "ballet.unsent_copy").await, 1);
    let refused = "that the broker does not take: 1";
    until_ready(world.services[0].address(), "readiness to say so", |status, said| {
        status == 200 && said["outbox"].to_string().contains(refused)
    })
    .await;
    room_for(&world, 100_000).await;
    world.until_count("hotel", "ballet.unsent_copy", 0).await;
    let dead = dead_letters(&world).await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    until_ready(world.services[0].address(), "nothing to say", |_, said| said["outbox"] == "ok")
        .await;
}
