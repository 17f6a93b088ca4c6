//! The receivers of events, and the owners of the broker's objects.

use std::collections::BTreeSet;

use ballet_stage::{Method, wait_until};
use serde_json::Value;

use crate::scene::{asleep, in_journal, rome};
use crate::trip::RoomBooked;
use crate::world::{SOON, TripWorld, the_hotel};

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
