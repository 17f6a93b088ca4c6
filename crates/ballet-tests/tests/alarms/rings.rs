//! Alarms about one service: each rings when its cause is there, alone, and stops when the cause is gone.

use ballet::Event;
use ballet_stage::{Link, Method, wait_until};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};

use crate::rules::rules;
use crate::trip::{RoomBooked, TripBooked};
use crate::watched_world::WatchedWorld;
use crate::world::LONG;

const DEAD_LETTERS: &str = "BalletDeadLetters";
const STUCK: &str = "BalletSagasStuck";
const FAILING: &str = "BalletSagasFailing";
const PROVIDER: &str = "BalletProviderAway";
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
const NOT_READY: &str = "BalletNotReady";
const CLOCK: &str = "BalletClockDifference";
const BEHIND: &str = "BalletQueueBehind";
const COPY_EMPTY: &str = "BalletCopyEmpty";
const UNSENT: &str = "BalletCopiesOfMessagesUnsent";
const REUSED: &str = "BalletIdsReused";

fn to(city: &str) -> TripBooked {
    TripBooked { city: city.to_owned() }
}

#[tokio::test]
async fn dead_letters_ring_whether_a_handler_got_them_or_not_until_they_are_gone() {
    let hotel = WatchedWorld::new("dead", "hotel").await;
    hotel.until_only(&[]).await;
    // No handler ever gets it, so it is in no list of stuck sagas.
    let properties = json!({ "content_type": "application/json", "type": TripBooked::TYPE.name() });
    hotel.world.publish_raw(TripBooked::TYPE.name(), &properties, "33 customers").await;
    hotel.until_only(&[DEAD_LETTERS]).await;
    hotel.world.env.management().take("hotel.dead", 10).await.expect("discarded");
    hotel.until_only(&[]).await;
    hotel.world.publish(hotel.world.new_saga(), &to("Broken")).await;
    hotel.until_value("ballet_sagas_stuck{tried_again=\"no\"}", "1").await;
    hotel.until_only(&[DEAD_LETTERS]).await;
}

#[tokio::test]
async fn a_step_that_fails_again_and_again_rings() {
    let hotel = WatchedWorld::new("failing", "hotel").await;
    hotel.until_only(&[]).await;
    // Retries come after as long as for everybody: it does not die at once.
    let path = ["policies", hotel.world.env.vhost(), "quick-retries"];
    hotel.world.env.management().call(Method::DELETE, &path, None).await.expect("removed");
    hotel.world.publish(hotel.world.new_saga(), &to("Shaky")).await;
    hotel.until_only(&[FAILING]).await;
}

#[tokio::test]
async fn t226_a_provider_that_is_away_rings_alone_and_so_does_a_call_that_was_given_up() {
    let cars = WatchedWorld::new("provider", "cars").await;
    cars.until_only(&[]).await;
    for _ in 0..3 {
        let saga = cars.world.new_saga();
        cars.world.publish(saga, &to("Rome")).await;
        cars.world.publish(saga, &RoomBooked { room: 1 }).await;
    }
    // It calls more and more rarely, for longer than a test's minutes are.
    cars.until_only(&[PROVIDER]).await;
    wait_until("the calls to be set aside", LONG, || async {
        // A call that is under way is put off once more.
        cars.world.execute("cars", "update ballet.call set next_at = 'infinity'").await;
        let ringing = cars.prometheus.ringing().await.map_err(|why| why.to_string())?;
        if ringing.contains(STUCK) { Ok(Some(())) } else { Err(format!("{ringing:?}")) }
    })
    .await
    .expect("set aside");
    cars.until_only(&[STUCK]).await;
}

#[tokio::test]
async fn an_event_that_can_never_be_published_rings() {
    let hotel = WatchedWorld::new("unpublishable", "hotel").await;
    hotel.until_only(&[]).await;
    // The broker takes little more than 1 MiB.
    hotel.process.rename(17 << 20).await;
    hotel.until_only(&[UNPUBLISHABLE]).await;
}

#[tokio::test]
async fn a_binding_that_is_missing_rings_and_so_does_that_nobody_compares_them() {
    let hotel = WatchedWorld::new("unbound", "hotel").await;
    hotel.until_only(&[]).await;
    let (management, vhost) = (hotel.world.env.management(), hotel.world.env.vhost());
    let path = ["bindings", vhost, "e", "route", "q", "hotel"];
    let this = [&path[..], &[TripBooked::TYPE.name()]].concat();
    management.call(Method::DELETE, &this, None).await.expect("removed");
    hotel.until_only(&[UNBOUND]).await;
    let key = json!({ "routing_key": TripBooked::TYPE.name() });
    management.call(Method::POST, &path, Some(&key)).await.expect("bound");
    hotel.until_only(&[]).await;
    let blind =
        WatchedWorld::with("blind", &["hotel"], None, |places| places.management = None).await;
    blind.until_only(&[NOT_COMPARED]).await;
}

#[tokio::test]
async fn events_that_no_queue_takes_ring() {
    let hotel = WatchedWorld::new("returned", "hotel").await;
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
    // Which of the two is seen first is open. In the end it is the cause.
    hotel.until_rings(UNBOUND).await;
}

#[tokio::test]
async fn events_that_wait_for_a_right_ring() {
    let hotel = WatchedWorld::new("held", "hotel").await;
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
    hotel.until_only(&[HELD]).await;
    management.call(Method::PUT, &path, Some(&before)).await.expect("given");
    hotel.until_only(&[]).await;
}

#[tokio::test]
async fn a_service_that_is_cut_off_from_the_broker_rings_alone_and_its_outbox_ages() {
    let hotel = WatchedWorld::beside("away", &["hotel", "cars"]).await;
    hotel.until_only(&[]).await;
    hotel.broker.set(Link::Refused);
    hotel.broker.cut();
    hotel.process.rename(5).await;
    hotel.until_only(&[PUBLISHING]).await;
    // The alarm says to look there for the reason.
    let ready = hotel.process.readiness().await;
    for role in ["consume", "publish"] {
        let said = ready[role].as_str().expect("a text");
        assert!(said.starts_with("connecting: RabbitMQ at "), "{ready}");
        assert!(said.contains(" cannot be reached: "), "{ready}");
    }
    // Nobody waits for a minute: the database's clock makes a jump, and the process's does not.
    hotel.world.let_pass("hotel", 1).await;
    hotel.until_only(&[PUBLISHING, CLOCK]).await;
    hotel.until_value("ballet_outbox_oldest_seconds{job=\"hotel\"} > bool 60", "1").await;
    hotel.broker.set(Link::Open);
    hotel.until_only(&[CLOCK]).await;
}

#[tokio::test]
async fn an_outbox_that_ages_although_the_broker_is_connected_rings() {
    let hotel = WatchedWorld::new("old", "hotel").await;
    hotel.until_only(&[]).await;
    // Nothing comes back on the connection, and nobody knows yet that it is dead.
    hotel.broker.set(Link::Held);
    hotel.process.rename(5).await;
    hotel.world.let_pass("hotel", 1).await;
    hotel.until_rings(OLD).await;
}

#[tokio::test]
async fn consuming_that_is_paused_without_a_database_rings() {
    let hotel = WatchedWorld::new("paused", "hotel").await;
    hotel.until_only(&[]).await;
    hotel.database.set(Link::Refused);
    hotel.database.cut();
    hotel.until_only(&[CONSUMING]).await;
    hotel.database.set(Link::Open);
    hotel.until_only(&[]).await;
}

/// Holds a table, so that handlers that write to it wait.
async fn lock(watched: &WatchedWorld, service: &str, table: &str) -> PgConnection {
    let url = watched.world.env.database_url(service);
    let mut db = PgConnection::connect(url).await.expect("a connection");
    let lock = format!("begin; lock table {table} in access exclusive mode");
    db.execute(sqlx::AssertSqlSafe(lock)).await.expect("locked");
    db
}

#[tokio::test]
async fn a_queue_that_is_not_worked_off_rings_and_its_oldest_message_ages() {
    let hotel = WatchedWorld::new("behind", "hotel").await;
    hotel.until_only(&[]).await;
    hotel.world.let_pass("hotel", 1).await;
    hotel.until_only(&[CLOCK]).await;
    let _locked = lock(&hotel, "hotel", "room").await;
    for _ in 0..20 {
        hotel.world.publish(hotel.world.new_saga(), &to("Rome")).await;
    }
    hotel.until_rings(BEHIND).await;
    // The other rings after five minutes, which this does not wait for.
    let rules = rules();
    let still = rules.iter().find(|rule| rule.alert == STILL).expect("a rule");
    let age = "ballet_unsettled_oldest_seconds";
    assert!(still.expression.contains(age), "{still:?}");
    hotel.until_value(&format!("{age} > bool 0"), "1").await;
}

#[tokio::test]
async fn a_copy_that_is_empty_rings() {
    let porter = WatchedWorld::new("copies", "porter").await;
    // The house does not run.
    porter.until_only(&[COPY_EMPTY]).await;
}

#[tokio::test]
async fn dead_letters_that_the_broker_does_not_take_ring() {
    let hotel = WatchedWorld::new("unsent", "hotel").await;
    hotel.until_only(&[]).await;
    let full = json!({ "pattern": r"^hotel\.dead$", "apply-to": "queues", "priority": 9,
        "definition": { "max-length": 1, "overflow": "reject-publish" } });
    let policy = ["policies", hotel.world.env.vhost(), "full"];
    let management = hotel.world.env.management();
    management.call(Method::PUT, &policy, Some(&full)).await.expect("full");
    for _ in 0..20 {
        hotel.world.publish(hotel.world.new_saga(), &to("Broken")).await;
    }
    hotel.until_only(&[DEAD_LETTERS, UNSENT, DIFFERS]).await;
}

#[tokio::test]
async fn an_id_that_comes_again_with_another_body_rings() {
    let hotel = WatchedWorld::new("reused", "hotel").await;
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
async fn a_service_that_is_not_ready_rings_if_nothing_else_says_why() {
    let hotel = WatchedWorld::new("unready", "hotel").await;
    hotel.until_only(&[]).await;
    let url = hotel.world.env.admin_database_url("hotel");
    let mut db = PgConnection::connect(url).await.expect("a connection");
    db.execute("alter table ballet.ledger rename to moved").await.expect("gone");
    hotel.until_only(&[NOT_READY]).await;
    db.execute("alter table ballet.moved rename to ledger").await.expect("back");
    hotel.until_only(&[]).await;
}
