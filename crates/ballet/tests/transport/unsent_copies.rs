//! Dead letters and delayed messages that the broker does not take.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ballet_amqp::BasicProperties;
use ballet_stage::{Method, wait_until};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::scene::{rome, the_hotel};
use crate::trip::RoomBooked;
use crate::world::{LONG, SOON, World};
use ballet_testkit::wire::raw_amqp::{self, Property, Raw, long, short};

/// More than the prefetch.
const BROKEN: usize = 700;
/// Generous for a busy machine. Before, the service stood still at 500.
const SOON_ENOUGH: Duration = Duration::from_secs(15);

/// One row if there is any: the queue of dead letters is full.
const ANY: &str = "(select from ballet.unsent_copy limit 1) as any_copy";

/// The body that fills the queue of dead letters.
const FILLING: &str = "no dead letter";

/// Lets the broker take no dead letter. A queue says only after it has written its messages that it is
/// full, and takes what comes in one go until then: so it is full before the first dead letter comes.
async fn no_room(world: &World) {
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

/// The dead letters that are in their queue.
async fn dead_letters(world: &World) -> Vec<Value> {
    let mut found = world.env.management().peek("hotel.dead", 2_000).await.unwrap();
    found.retain(|message| message["payload"] != FILLING);
    found
}

/// Sets how many dead letters the broker takes.
async fn room_for(world: &World, count: u32) {
    let full = json!({"pattern": r"^hotel\.dead$", "apply-to": "queues", "priority": 9,
        "definition": {"max-length": count, "overflow": "reject-publish"}});
    let policy = ["policies", world.env.vhost(), "full"];
    world.env.management().call(Method::PUT, &policy, Some(&full)).await.unwrap();
}

async fn publish_broken(world: &World, count: usize) {
    let url = world.env.ops_amqp_url().to_owned();
    let broken = move || {
        let bodies: Vec<_> = (0..count).map(|number| format!("broken {number}")).collect();
        let raw = |body| Raw { queue: "hotel", properties: &[], body };
        let messages: Vec<_> = bodies.iter().map(|body| raw(body.as_bytes())).collect();
        raw_amqp::publish(&url, &messages);
    };
    tokio::task::spawn_blocking(broken).await.unwrap();
}

async fn all_settled(world: &World) {
    wait_until("all to be settled", LONG, || async {
        let depth = world.env.management().depth("hotel").await.map_err(|e| e.to_string())?;
        if depth.ready + depth.unacked == 0 { Ok(Some(())) } else { Err(format!("{depth:?}")) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn t173_dead_letters_that_the_broker_does_not_take_stop_nobody_and_are_not_lost() {
    let world = World::new("unsent", vec![the_hotel()]).await;
    no_room(&world).await;
    publish_broken(&world, BROKEN).await;
    let (saga, begun) = (world.new_saga(), Instant::now());
    world.publish(saga, &rome()).await;
    world.event::<RoomBooked>(saga).await;
    assert!(begun.elapsed() < SOON_ENOUGH, "{:?}", begun.elapsed());
    all_settled(&world).await;
    assert!(world.count("hotel", "ballet.unsent_copy").await > 500);

    room_for(&world, 100_000).await;
    world.until_count("hotel", "ballet.unsent_copy", 0).await;
    let dead = dead_letters(&world).await;
    let bodies: BTreeSet<_> = dead.iter().map(|dead| dead["payload"].to_string()).collect();
    assert_eq!((dead.len(), bodies.len()), (BROKEN, BROKEN), "each once");
    assert!(dead.iter().all(|dead| dead["properties"]["headers"]["x-dead-reason"] == "no_type"));
}

/// The headers fill a frame, so the copy is refused with them, and without them while there is no
/// room.
#[tokio::test]
async fn t173_a_copy_that_needs_room_and_fewer_headers_is_sent_when_there_is_room() {
    let world = World::new("unsent_headers", vec![the_hotel()]).await;
    no_room(&world).await;
    publish_broken(&world, 10).await;
    world.until_count("hotel", ANY, 1).await;

    let url = world.env.ops_amqp_url().to_owned();
    let publish = move || {
        let header = [&short(b"foreign")[..], b"S", &long(&[b'x'; 127_500])].concat();
        let properties = [(Property::Headers, &header[..])];
        raw_amqp::publish(&url, &[Raw { queue: "hotel", properties: &properties, body: b"big" }]);
    };
    tokio::task::spawn_blocking(publish).await.unwrap();
    world.until_count("hotel", "ballet.unsent_copy where body = 'big'", 1).await;
    room_for(&world, 100).await;
    world.until_count("hotel", "ballet.unsent_copy", 0).await;
    let dead = dead_letters(&world).await;
    let big: Vec<_> = dead.iter().filter(|dead| dead["payload"] == "big").collect();
    assert_eq!((dead.len(), big.len()), (11, 1));
    let note = &big[0]["properties"]["headers"]["x-dead-headers"];
    assert_eq!(note, "the original headers were too big and were dropped");
}

#[tokio::test]
async fn t173_copies_for_a_full_queue_do_not_hold_up_those_for_another() {
    let world = World::new("unsent_others", vec![the_hotel()]).await;
    no_room(&world).await;
    publish_broken(&world, 10).await;
    world.until_count("hotel", ANY, 1).await;
    let mut db = PgConnection::connect(world.env.database_url("hotel")).await.unwrap();
    let insert = "insert into ballet.unsent_copy select gen_random_uuid(), case n when 400 \
                  then 'retry.5s' else 'dead' end, 'hotel', $1, '?', 'full', now(), \
                  now() - interval '1 minute' + n * interval '1 ms' from generate_series(1, 400) n";
    let properties = serde_json::to_vec(&BasicProperties::default()).unwrap();
    sqlx::query(insert).bind(properties).execute(&mut db).await.unwrap();
    let begun = Instant::now();
    let retry = "ballet.unsent_copy where exchange = 'retry.5s'";
    wait_until("the retry to be sent", SOON, || async {
        let left = world.try_count("hotel", retry).await.map_err(|e| e.to_string())?;
        if left == 0 { Ok(Some(())) } else { Err(left.to_string()) }
    })
    .await
    .unwrap();
    assert!(begun.elapsed() < SOON_ENOUGH, "{:?}", begun.elapsed());
}
