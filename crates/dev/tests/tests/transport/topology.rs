//! The receivers of events, and the owners of the broker's objects.

use std::collections::BTreeSet;

use ballet_stage::{Method, wait_until};
use serde_json::{Value, json};

use crate::scene::{asleep, in_journal, in_queue, rome};
use crate::trip::{GUIDE_TABLES, HotelRenamed, RoomBooked, guide};
use crate::world::{SOON, TripWorld, part, the_hotel};

#[tokio::test]
async fn t02_nothing_of_one_topic_arrives_at_the_consumers_of_another() {
    let world = TripWorld::new("topics", vec![the_hotel(), part(guide(), GUIDE_TABLES)]).await;
    // Each topic comes before the other, too: what went astray is handled before the last that did not.
    for _ in 0..2 {
        let saga = world.new_saga();
        world.publish(saga, &rome()).await;
        for name in ["Ritz", "Savoy", "Grand"] {
            world.publish(saga, &HotelRenamed { name: name.into() }).await;
        }
        world.event::<RoomBooked>(saga).await;
    }
    world.until_count("guide", "ballet.inbox", 6).await;
    assert_eq!(world.count("hotel", "ballet.inbox").await, 2);
    assert!(world.seen().await.iter().all(|m| m["exchange"] == "events"), "no dead letter");
}

#[tokio::test]
async fn t15_the_journal_is_a_stream_with_retention_and_all_else_is_a_quorum_queue() {
    let world = asleep("kinds", vec![the_hotel()]).await;
    let path = ["queues", world.env.vhost()];
    let queues = world.env.management().call(Method::GET, &path, None).await.unwrap();
    let mut names = BTreeSet::new();
    for queue in queues.as_array().unwrap().iter().filter(|queue| queue["name"] != "probe") {
        let name = queue["name"].as_str().unwrap();
        let expected = if name == "journal" { "stream" } else { "quorum" };
        assert_eq!(queue["arguments"]["x-queue-type"], expected, "{name}");
        names.insert(name);
    }
    assert!(names.is_superset(&BTreeSet::from(["hotel", "hotel.dead", "journal", "retry.5s"])));
    let path = ["queues", world.env.vhost(), "journal"];
    wait_until("the policy to be shown", SOON, || async {
        let shown = world.env.management().call(Method::GET, &path, None).await;
        let retention = &shown.map_err(|error| error.to_string())?["effective_policy_definition"];
        let by_both = retention["max-age"].is_string() && retention["max-length-bytes"].is_u64();
        if by_both { Ok(Some(())) } else { Err(retention.to_string()) }
    })
    .await
    .unwrap();
}

/// No service, and nobody who publishes to it, fills the disk of all with what waits or is set aside.
#[tokio::test]
async fn t217_each_queue_of_retries_and_of_dead_letters_refuses_what_is_too_much() {
    let world = asleep("bounded", vec![the_hotel()]).await;
    let queues = ["hotel.dead", "retry.5s", "retry.30s", "retry.5m"];
    wait_until("the bounds", SOON, || async {
        let path = ["queues", world.env.vhost()];
        let shown = world.env.management().call(Method::GET, &path, None).await;
        let shown = shown.map_err(|error| error.to_string())?;
        let unbounded = queues.into_iter().filter(|name| {
            let queue = shown.as_array().unwrap().iter().find(|queue| queue["name"] == *name);
            let (policy, arguments) = match queue {
                Some(queue) => (&queue["effective_policy_definition"], &queue["arguments"]),
                None => return true,
            };
            let limits = ["max-length", "max-length-bytes"].map(|limit| policy[limit].is_u64());
            limits != [true, true]
                || (&policy["overflow"] != "reject-publish"
                    && &arguments["x-overflow"] != "reject-publish")
        });
        let unbounded: Vec<_> = unbounded.collect();
        if unbounded.is_empty() { Ok(Some(())) } else { Err(format!("{unbounded:?}")) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn t16_t168_a_late_reader_of_the_journal_sees_what_was_before_it() {
    let world = asleep("late", vec![the_hotel()]).await;
    let mut published = Vec::new();
    for _ in 0..5 {
        published.push(world.publish(world.new_saga(), &rome()).await);
    }
    let read = in_journal(&world, 5).await;
    assert_eq!(read, published);
}

#[tokio::test]
async fn t17_a_queue_gets_the_keys_that_it_is_bound_by_and_no_similar_ones() {
    let world = asleep("similar", vec![the_hotel()]).await;
    let similar = ["desk.trip_booked.v10", "desk.trip_booked", "desk.trip_booked.v1.x"];
    for key in similar.into_iter().chain(["desk.trip_booked.v1"]) {
        world.publish_raw(key, &json!({}), "{}").await;
    }
    let unrouted = in_queue(&world, "unrouted", 3).await;
    assert!(
        unrouted.iter().all(|message| similar.iter().any(|key| message["routing_key"] == *key))
    );
    let bound = in_queue(&world, "hotel", 1).await;
    assert_eq!(bound[0]["routing_key"], "desk.trip_booked.v1");
    // `#` takes every one of them.
    assert_eq!(in_queue(&world, "probe", 4).await.len(), 4);
}

/// Exchanges, queues, bindings and policies, in an order of our own.
async fn objects(world: &TripWorld) -> (Value, BTreeSet<String>) {
    let path = ["definitions", world.env.vhost()];
    let whole = world.env.management().call(Method::GET, &path, None).await.unwrap();
    let mut objects = BTreeSet::new();
    for kind in ["exchanges", "queues", "bindings", "policies"] {
        for object in whole[kind].as_array().unwrap() {
            objects.insert(format!("{kind} {object}"));
        }
    }
    (whole, objects)
}

#[tokio::test]
async fn t19_t20_services_declare_nothing_and_definitions_may_be_applied_again() {
    let mut world = asleep("again", vec![the_hotel()]).await;
    let (definitions, before) = objects(&world).await;
    for _ in 0..2 {
        world.start(the_hotel()).await;
        let saga = world.new_saga();
        world.publish(saga, &rome()).await;
        world.event::<RoomBooked>(saga).await;
        world.services.remove(0).stop().await;
        assert_eq!(objects(&world).await.1, before);
    }
    let path = ["definitions", world.env.vhost()];
    world.env.management().call(Method::POST, &path, Some(&definitions)).await.unwrap();
    assert_eq!(objects(&world).await.1, before);
}
