//! Each alarm rings when its cause is there, and stops when the cause is gone.

use ballet::Event;
use ballet_stage::{Link, Method, wait_until};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};

use crate::trip::{HotelRenamed, RoomBooked, TripBooked};
use crate::watched::Watched;
use crate::world::LONG;

const DEAD_LETTERS: &str = "BalletDeadLetters";
const STUCK: &str = "BalletSagasStuck";
const FAILING: &str = "BalletSagasFailing";
const UNPUBLISHABLE: &str = "BalletUnpublishableEvents";
const UNBOUND: &str = "BalletBindingMissing";
const DIFFERS: &str = "BalletQueueDiffers";
const NOT_COMPARED: &str = "BalletBindingsNotCompared";
const RETURNED: &str = "BalletEventsReturned";
const HELD: &str = "BalletPublishingHeld";
const OLD: &str = "BalletOutboxOld";
const CONSUMING: &str = "BalletConsumingStopped";
const PUBLISHING: &str = "BalletPublishingStopped";
const STILL: &str = "BalletMessagesStandStill";
const BLOCKS: &str = "BalletHandlerBlocks";
const CLOCK: &str = "BalletClockDifference";
const BEHIND: &str = "BalletQueueBehind";
const COPIES_BEHIND: &str = "BalletCopiesBehind";
const COPY_EMPTY: &str = "BalletCopyEmpty";
const UNSENT: &str = "BalletCopiesOfMessagesUnsent";
const REUSED: &str = "BalletIdsReused";

fn to(city: &str) -> TripBooked {
    TripBooked { city: city.to_owned() }
}

#[tokio::test]
async fn dead_letters_ring_whether_a_handler_got_them_or_not_until_they_are_gone() {
    let hotel = Watched::new("dead", "hotel").await;
    hotel.until_only(&[]).await;
    // No handler ever gets it, so it is in no list of stuck sagas.
    let properties = json!({ "content_type": "application/json", "type": TripBooked::TYPE.name() });
    hotel.world.publish_raw(TripBooked::TYPE.name(), &properties, "33 customers").await;
    hotel.until_only(&[DEAD_LETTERS]).await;
    hotel.world.env.management().take("hotel.dead", 10).await.expect("discarded");
    hotel.until_only(&[]).await;
    hotel.world.publish(hotel.world.new_saga(), &to("Broken")).await;
    hotel.until_only(&[DEAD_LETTERS, STUCK]).await;
}

#[tokio::test]
async fn a_call_that_fails_again_and_again_rings() {
    let cars = Watched::new("failing", "cars").await;
    cars.until_only(&[]).await;
    let saga = cars.world.new_saga();
    cars.world.publish(saga, &to("Rome")).await;
    cars.world.publish(saga, &RoomBooked { room: 1 }).await;
    cars.until_only(&[FAILING]).await;
}

#[tokio::test]
async fn an_event_that_can_never_be_published_rings() {
    let hotel = Watched::new("unpublishable", "hotel").await;
    hotel.until_only(&[]).await;
    // The broker takes little more than 1 MiB.
    hotel.process.rename(17 << 20).await;
    hotel.until_only(&[UNPUBLISHABLE]).await;
}

#[tokio::test]
async fn a_binding_that_is_missing_rings_and_so_does_that_nobody_compares_them() {
    let hotel = Watched::new("unbound", "hotel").await;
    hotel.until_only(&[]).await;
    let (management, vhost) = (hotel.world.env.management(), hotel.world.env.vhost());
    let path = ["bindings", vhost, "e", "route", "q", "hotel"];
    let this = [&path[..], &[TripBooked::TYPE.name()]].concat();
    management.call(Method::DELETE, &this, None).await.expect("removed");
    hotel.until_only(&[UNBOUND]).await;
    let key = json!({ "routing_key": TripBooked::TYPE.name() });
    management.call(Method::POST, &path, Some(&key)).await.expect("bound");
    hotel.until_only(&[]).await;
    let blind = Watched::with("blind", "hotel", |places| places.management = None).await;
    blind.until_only(&[NOT_COMPARED]).await;
}

#[tokio::test]
async fn events_that_no_queue_takes_ring() {
    let hotel = Watched::new("returned", "hotel").await;
    hotel.until_only(&[]).await;
    let (management, vhost) = (hotel.world.env.management(), hotel.world.env.vhost());
    let path = ["exchanges", vhost, "events", "bindings", "source"];
    let bindings = management.call(Method::GET, &path, None).await.expect("bindings");
    for binding in bindings.as_array().expect("a list") {
        let text = |name: &str| binding[name].as_str().expect("a text").to_owned();
        let kind = &text("destination_type")[..1];
        let (to, key) = (text("destination"), text("properties_key"));
        let path = ["bindings", vhost, "e", "events", kind, to.as_str(), key.as_str()];
        management.call(Method::DELETE, &path, None).await.expect("removed");
    }
    hotel.process.rename(5).await;
    hotel.until_rings(RETURNED).await;
}

#[tokio::test]
async fn events_that_wait_for_a_right_ring() {
    let hotel = Watched::new("held", "hotel").await;
    hotel.until_only(&[]).await;
    let (world, management) = (&hotel.world, hotel.world.env.management());
    let user =
        world.env.amqp_url("hotel").split("://").nth(1).and_then(|rest| rest.split(':').next());
    let path = ["permissions", world.env.vhost(), user.expect("a user")];
    let before: Value = management.call(Method::GET, &path, None).await.expect("rights");
    let mut without = before.clone();
    without["write"] = json!(r"^(dead|retry\..*)$");
    management.call(Method::PUT, &path, Some(&without)).await.expect("taken");
    hotel.process.rename(5).await;
    hotel.until_rings(HELD).await;
    management.call(Method::PUT, &path, Some(&before)).await.expect("given");
    hotel.until_only(&[]).await;
}

#[tokio::test]
async fn a_broker_that_is_away_rings_and_so_does_the_outbox_that_ages_and_the_clock() {
    let hotel = Watched::new("away", "hotel").await;
    hotel.until_only(&[]).await;
    hotel.broker.set(Link::Refused);
    hotel.broker.cut();
    hotel.process.rename(5).await;
    hotel.until_only(&[CONSUMING, PUBLISHING]).await;
    // Nobody waits for a minute: the database's clock makes a jump, and the process's does not.
    hotel.world.let_pass("hotel", 1).await;
    hotel.until_only(&[CONSUMING, PUBLISHING, OLD, CLOCK]).await;
    hotel.broker.set(Link::Open);
    hotel.until_only(&[CLOCK]).await;
}

#[tokio::test]
async fn consuming_that_is_paused_without_a_database_rings() {
    let hotel = Watched::new("paused", "hotel").await;
    hotel.until_only(&[]).await;
    hotel.database.set(Link::Refused);
    hotel.database.cut();
    hotel.until_only(&[CONSUMING]).await;
    hotel.database.set(Link::Open);
    hotel.until_only(&[]).await;
}

/// Holds a table, so that handlers that write to it wait.
async fn lock(watched: &Watched, service: &str, table: &str) -> PgConnection {
    let url = watched.world.env.database_url(service);
    let mut db = PgConnection::connect(url).await.expect("a connection");
    let lock = format!("begin; lock table {table} in access exclusive mode");
    db.execute(sqlx::AssertSqlSafe(lock)).await.expect("locked");
    db
}

#[tokio::test]
async fn a_queue_that_is_not_worked_off_rings_and_its_oldest_message_ages() {
    let hotel = Watched::new("behind", "hotel").await;
    hotel.until_only(&[]).await;
    let _locked = lock(&hotel, "hotel", "room").await;
    hotel.world.let_pass("hotel", 1).await;
    hotel.until_only(&[CLOCK]).await;
    for _ in 0..20 {
        hotel.world.publish(hotel.world.new_saga(), &to("Rome")).await;
    }
    hotel.until_rings(BEHIND).await;
    // It rings after five minutes, which this does not wait for.
    wait_until("an oldest message", LONG, || async {
        let age = hotel.figure(STILL).await;
        if age > 0.0 { Ok(Some(())) } else { Err("none") }
    })
    .await
    .expect("an age");
}

#[tokio::test]
async fn a_copy_that_is_empty_or_behind_rings() {
    let porter = Watched::new("copies", "porter").await;
    // The house does not run.
    porter.until_only(&[COPY_EMPTY]).await;
    let _locked = lock(&porter, "porter", "ballet.copy").await;
    porter.world.let_pass("porter", 1).await;
    porter.until_only(&[COPY_EMPTY, CLOCK]).await;
    for number in 0..20 {
        let lamp =
            json!({ "id": format!("lamp {number}"), "version": 1, "state": { "text": "on" } });
        let properties = json!({
            "message_id": porter.world.new_id(), "type": "house.lamp_changed.v1", "app_id": "house",
            "content_type": "application/json", "delivery_mode": 2,
        });
        let body = json!({ "lamp": lamp }).to_string();
        porter.world.publish_raw("house.lamp_changed.v1", &properties, body).await;
    }
    porter.until_rings(COPIES_BEHIND).await;
}

#[tokio::test]
async fn dead_letters_that_the_broker_does_not_take_ring() {
    let hotel = Watched::new("unsent", "hotel").await;
    hotel.until_only(&[]).await;
    let full = json!({ "pattern": r"^hotel\.dead$", "apply-to": "queues", "priority": 9,
        "definition": { "max-length": 1, "overflow": "reject-publish" } });
    let policy = ["policies", hotel.world.env.vhost(), "full"];
    let management = hotel.world.env.management();
    management.call(Method::PUT, &policy, Some(&full)).await.expect("full");
    let properties = json!({ "content_type": "application/json", "type": TripBooked::TYPE.name() });
    for number in 0..20 {
        let body = format!("broken {number}");
        hotel.world.publish_raw(TripBooked::TYPE.name(), &properties, body).await;
    }
    hotel.until_only(&[DEAD_LETTERS, UNSENT, DIFFERS]).await;
}

#[tokio::test]
async fn an_id_that_comes_again_with_another_body_rings() {
    let hotel = Watched::new("reused", "hotel").await;
    let (id, saga) = (hotel.world.new_id(), hotel.world.new_saga());
    for _ in 0..2 {
        hotel.world.publish_as(&id, saga, &to("Rome")).await;
    }
    hotel.world.event::<RoomBooked>(saga).await;
    hotel.until_only(&[]).await;
    hotel.world.publish_as(&id, saga, &to("Oslo")).await;
    hotel.until_only(&[REUSED]).await;
}

#[tokio::test]
async fn a_step_that_blocks_its_thread_rings() {
    let guide = Watched::new("blocking", "guide").await;
    guide.until_only(&[]).await;
    guide.world.publish(guide.world.new_saga(), &HotelRenamed { name: "Ritz".to_owned() }).await;
    guide.until_rings(BLOCKS).await;
}
