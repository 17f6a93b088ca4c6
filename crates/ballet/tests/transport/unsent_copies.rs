//! Dead letters and delayed messages that the broker does not take.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ballet_testkit::{Method, wait_until};
use serde_json::json;

use crate::raw_amqp::{self, Raw};
use crate::scene::{rome, the_hotel};
use crate::trip::RoomBooked;
use crate::world::{LONG, World};

/// More than the prefetch.
const BROKEN: usize = 700;
/// Generous for a busy machine. Before, the service stood still at 500.
const SOON_ENOUGH: Duration = Duration::from_secs(15);

#[tokio::test]
async fn t173_dead_letters_that_the_broker_does_not_take_stop_nobody_and_are_not_lost() {
    let world = World::new("unsent", vec![the_hotel()]).await;
    let management = world.env.management();
    let policy = ["policies", world.env.vhost(), "full"];
    let room_for = async |count: u32| {
        let full = json!({"pattern": r"^hotel\.dead$", "apply-to": "queues", "priority": 9,
            "definition": {"max-length": count, "overflow": "reject-publish"}});
        management.call(Method::PUT, &policy, Some(&full)).await.unwrap();
    };
    room_for(1).await;

    let url = world.env.ops_amqp_url().to_owned();
    let broken = move || {
        let bodies: Vec<_> = (0..BROKEN).map(|number| format!("broken {number}")).collect();
        let raw = |body| Raw { queue: "hotel", properties: &[], body };
        let messages: Vec<_> = bodies.iter().map(|body| raw(body.as_bytes())).collect();
        raw_amqp::publish(&url, &messages);
    };
    tokio::task::spawn_blocking(broken).await.unwrap();
    let (saga, begun) = (world.new_saga(), Instant::now());
    world.publish(saga, &rome()).await;
    world.event::<RoomBooked>(saga).await;
    assert!(begun.elapsed() < SOON_ENOUGH, "{:?}", begun.elapsed());
    wait_until("all to be settled", LONG, || async {
        let depth = management.depth("hotel").await.map_err(|e| e.to_string())?;
        if depth.ready + depth.unacked == 0 { Ok(Some(())) } else { Err(format!("{depth:?}")) }
    })
    .await
    .unwrap();
    assert!(world.count("hotel", "ballet.unsent_copy").await > 500);

    room_for(100_000).await;
    world.until_count("hotel", "ballet.unsent_copy", 0).await;
    let dead = management.peek("hotel.dead", 2_000).await.unwrap();
    let bodies: BTreeSet<_> = dead.iter().map(|dead| dead["payload"].to_string()).collect();
    assert_eq!((dead.len(), bodies.len()), (BROKEN, BROKEN), "each once");
    assert!(dead.iter().all(|dead| dead["properties"]["headers"]["x-dead-reason"] == "no_type"));
}
