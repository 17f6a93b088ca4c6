//! Dead letters and delayed messages that the broker does not take.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ballet::Event;
use ballet_stage::{Method, wait_until};
use ballet_testkit::wire::raw_amqp::{self, RawMessage};
use serde_json::{Value, json};

use crate::scene::rome;
use crate::trip::{RoomBooked, TripBooked};
use crate::world::{LONG, SOON, TripWorld};

/// The number is below the prefetch.
const BROKEN: usize = 100;
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

async fn until_dead(world: &TripWorld, count: usize) -> Vec<Value> {
    wait_until("the dead letters", LONG, || async {
        let dead = dead_letters(world).await;
        if dead.len() >= count { Ok(Some(dead)) } else { Err(format!("{} are there", dead.len())) }
    })
    .await
    .unwrap()
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
    room_for(&world, 100_000).await;
    let dead = until_dead(&world, BROKEN).await;
    let bodies: BTreeSet<_> = dead.iter().map(|dead| dead["payload"].to_string()).collect();
    assert_eq!((dead.len(), bodies.len()), (BROKEN, BROKEN), "each once");
}

/// A user who may publish one event fills neither the broker nor the consumer.
#[tokio::test]
async fn t217_beside_a_full_queue_what_no_handler_got_is_left_in_the_journal_and_the_rest_waits() {
    let world = TripWorld::hotel("unsent_unread").await;
    no_room(&world).await;
    for number in 0..50 {
        let broken = format!("broken {number}");
        world.publish_raw(TripBooked::TYPE.name(), &json!({}), broken).await;
    }
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Broken".into() }).await;
    wait_until("the others to be left", LONG, || async {
        let depth = world.env.management().depth("hotel").await;
        let depth = depth.map_err(|error| error.to_string())?;
        let waits = (depth.ready, depth.unacked) == (0, 1);
        if waits { Ok(Some(())) } else { Err(format!("{depth:?}")) }
    })
    .await
    .unwrap();
    room_for(&world, 100_000).await;
    let dead = until_dead(&world, 1).await;
    assert_eq!(dead.len(), 1, "{dead:?}");
}
