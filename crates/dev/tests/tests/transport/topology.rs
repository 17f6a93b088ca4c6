//! The receivers of events, and the owners of the broker's objects.

use std::collections::BTreeSet;

use ballet_stage::{Method, wait_until};
use serde_json::Value;

use crate::scene::{asleep, rome};
use crate::trip::RoomBooked;
use crate::world::{SOON, TripWorld, the_hotel};

/// Neither a service nor its publishers can fill the disk with messages that wait or are set aside.
#[tokio::test]
async fn t15_t217_the_journal_is_a_stream_with_retention_and_all_else_a_quorum_queue_with_bounds() {
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
    wait_until("the policies to be shown", SOON, || async {
        let shown = world.env.management().call(Method::GET, &path, None).await;
        let shown = shown.map_err(|error| error.to_string())?;
        let queues = shown.as_array().unwrap();
        let is_bounded = |name: &str| {
            let Some(queue) = queues.iter().find(|queue| queue["name"] == name) else {
                return false;
            };
            let (policy, arguments) = (&queue["effective_policy_definition"], &queue["arguments"]);
            if name == "journal" {
                return policy["max-age"].is_string()
                    && policy["max-length-bytes"].is_u64()
                    && policy["stream-max-segment-size-bytes"].is_u64();
            }
            policy["max-length"].is_u64()
                && policy["max-length-bytes"].is_u64()
                && (policy["overflow"] == "reject-publish"
                    || arguments["x-overflow"] == "reject-publish")
        };
        let bounded = ["journal", "hotel.dead", "retry.5s", "retry.30s", "retry.5m"];
        let unbounded: Vec<_> = bounded.into_iter().filter(|name| !is_bounded(name)).collect();
        if unbounded.is_empty() { Ok(Some(())) } else { Err(format!("{unbounded:?}")) }
    })
    .await
    .unwrap();
}

/// Exchanges, queues, bindings and policies, sorted.
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

/// Columns, indexes and applied migrations.
async fn schema(world: &TripWorld) -> Vec<String> {
    let mut db = world.database("hotel").await;
    let sql = "select concat_ws(' ', table_schema, table_name, column_name, data_type, is_nullable) \
               from information_schema.columns where table_schema in ('ballet', 'public') \
               union all select indexdef from pg_indexes where schemaname in ('ballet', 'public') \
               union all select concat_ws(' ', 'applied', version, installed_on) \
               from ballet._framework_migrations \
               union all select concat_ws(' ', 'applied', version, installed_on) \
               from ballet._service_migrations order by 1";
    let rows: Vec<(String,)> = sqlx::query_as(sql).fetch_all(&mut db).await.unwrap();
    // Partitions change by the day.
    let of_a_day = |row: &str| row.contains("_20");
    // Each process has outbox tables of its own.
    let of_a_process = |row: &str| (0..10).any(|number| row.contains(&format!("outbox_{number}")));
    let rows = rows.into_iter().map(|(row,)| row);
    let stays = |row: &String| row.starts_with("applied") || !of_a_day(row) && !of_a_process(row);
    rows.filter(stays).collect()
}

/// The first start makes the schema; no start changes the broker.
#[tokio::test]
async fn t19_t20_t122_services_declare_nothing_and_the_next_start_changes_nothing() {
    let mut world = asleep("again", vec![the_hotel()]).await;
    let (definitions, before) = objects(&world).await;
    let mut made = Vec::new();
    for _ in 0..2 {
        world.start(the_hotel()).await;
        let saga = world.new_saga();
        world.publish(saga, &rome()).await;
        world.event::<RoomBooked>(saga).await;
        world.services.remove(0).stop().await;
        assert_eq!(objects(&world).await.1, before);
        made.push(schema(&world).await);
    }
    for row in ["public room saga_id uuid", "ballet inbox message_id uuid"] {
        assert!(made[0].iter().any(|made| made.starts_with(row)), "{made:#?}");
    }
    assert_eq!(made[0], made[1]);
    let path = ["definitions", world.env.vhost()];
    world.env.management().call(Method::POST, &path, Some(&definitions)).await.unwrap();
    assert_eq!(objects(&world).await.1, before);
}
