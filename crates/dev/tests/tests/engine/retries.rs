//! A failing step is tried again at once, then later, then not any more. Here, retry queues hold messages for
//! moments.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballet::{Delay, Does, Failure, Retry, Tx, done};
use ballet_stage::wait_until;
use serde_json::{Value, json};

use crate::trip::{HOTEL_TABLES, RoomBooked, Trip, TripBooked};
use crate::world::{LONG, SOON, TripWorld, part};

#[derive(Clone, Default)]
struct Porter {
    called: Arc<AtomicUsize>,
}

impl Porter {
    async fn until_called(&self, times: usize) {
        wait_until("the porter is called", SOON, || async {
            let called = self.called.load(Ordering::SeqCst);
            if called >= times { Ok(Some(())) } else { Err(format!("{called} times")) }
        })
        .await
        .expect("called");
    }
}

const RETRY: Retry = Retry::at_once(1).later(&[Delay::FiveSeconds, Delay::ThirtySeconds]);

#[ballet::service("hotel", saga = Trip)]
impl Porter {
    #[retriable(retry = RETRY)]
    async fn carry_luggage(&self, tx: &mut Tx<'_>, trip: TripBooked) -> Does<RoomBooked> {
        self.called.fetch_add(1, Ordering::SeqCst);
        let saga = tx.saga_id().map(|saga| saga.0);
        sqlx::query("insert into room (saga_id) values ($1)").bind(saga).execute(tx.db()).await?;
        match trip.city.as_str() {
            "Broken" => Err(Failure::permanent("there are no stairs").into()),
            _ => Err(Failure::transient("the porter sleeps").into()),
        }
    }
}

fn trip_to(city: &str) -> TripBooked {
    TripBooked { city: city.to_owned() }
}

#[tokio::test]
async fn t68_t69_t70_t71_t74_attempts_count_on_over_a_restart_and_a_permanent_failure_has_one() {
    let porter = Porter::default();
    let parts = vec![part(porter.clone().participant(), HOTEL_TABLES)];
    let mut world = TripWorld::new("attempts", parts).await;
    let saga = world.new_saga();
    let id = world.publish(saga, &trip_to("Rome")).await;
    porter.until_called(2).await;
    world.services.remove(0).stop().await;
    world.start(part(porter.clone().participant(), HOTEL_TABLES)).await;
    let dead = world.dead_letters(1).await;
    let headers = &dead[0]["properties"]["headers"];
    assert_eq!(headers["x-dead-reason"], "failed");
    assert_eq!(headers["x-attempts"], 6, "twice at once, three times");
    assert_eq!(headers["x-retries"], Value::Null, "who sends it again begins anew");
    assert_eq!(porter.called.load(Ordering::SeqCst), 6);
    assert_eq!(headers["x-dead-exchange"], "events", "not the way back from a retry queue");
    assert_eq!(headers["x-dead-routing-key"], "desk.trip_booked.v1");
    assert_eq!(headers["x-retry-detail"], Value::Null);
    let properties = &dead[0]["properties"];
    assert_eq!(dead[0]["payload"], r#"{"city":"Rome"}"#);
    assert_eq!(properties["message_id"], id.as_str());
    assert_eq!(properties["type"], "desk.trip_booked.v1");
    assert_eq!(properties["correlation_id"], saga.to_string());
    assert_eq!(properties["app_id"], "desk");

    world.publish(world.new_saga(), &trip_to("Broken")).await;
    let dead = world.dead_letters(2).await;
    let headers = &dead[1]["properties"]["headers"];
    assert_eq!(
        (&headers["x-dead-reason"], &headers["x-attempts"]),
        (&json!("permanent"), &json!(1))
    );
    assert_eq!(headers["x-dead-step"], "carry_luggage");
    assert_eq!(headers["x-dead-detail"], "there are no stairs");
    assert_eq!(porter.called.load(Ordering::SeqCst), 7);
    world.until_empty("hotel").await;
}

#[derive(Clone)]
struct Rivals(Porter);

#[ballet::service("hotel", saga = Trip)]
impl Rivals {
    #[retriable]
    async fn outpace_rivals(&self, tx: &mut Tx<'_>, _: TripBooked) -> Does<RoomBooked> {
        self.0.called.fetch_add(1, Ordering::SeqCst);
        let conflict = "do $$ begin raise serialization_failure; end $$";
        sqlx::query(conflict).execute(tx.db()).await?;
        done(RoomBooked { room: 1 })
    }
}

#[tokio::test]
async fn a_conflict_that_does_not_end_makes_a_dead_letter_after_an_hour_of_retries() {
    let rivals = Rivals(Porter::default());
    let hotel = rivals.clone().participant();
    let world = TripWorld::new("rivals", vec![part(hotel, HOTEL_TABLES)]).await;
    world.publish(world.new_saga(), &trip_to("Rome")).await;
    wait_until("a dead letter", LONG, || async {
        let seen = world.seen().await;
        let called = rivals.0.called.load(Ordering::SeqCst);
        let dead = seen.iter().any(|message| message["exchange"] == "dead");
        if dead { Ok(Some(())) } else { Err(format!("called {called} times")) }
    })
    .await
    .expect("a dead letter");
    let dead = world.dead_letters(1).await;
    let headers = &dead[0]["properties"]["headers"];
    assert_eq!(headers["x-dead-reason"], "failed");
    assert_eq!(headers["x-dead-step"], "outpace_rivals");
    // Four times at once, and after each of 14 waits; then it has failed, and three retries are left.
    assert_eq!(rivals.0.called.load(Ordering::SeqCst), 72);
    assert_eq!(headers["x-attempts"], 72);
}

/// Waits for a guest as long as a wait may last, and fails in between as often as it may.
#[derive(Clone)]
struct Welcome {
    called: Arc<AtomicUsize>,
}

#[ballet::service("hotel", saga = Trip)]
impl Welcome {
    #[retriable(retry = RETRY)]
    async fn welcome_the_guest(&self, _: &mut Tx<'_>, _: TripBooked) -> Does<RoomBooked> {
        match self.called.fetch_add(1, Ordering::SeqCst) {
            // Two waits, then twice at once and after each of two delays, then the other twelve.
            0..2 | 6..18 => Err(Failure::not_yet("the guest has not come").into()),
            2..6 => Err(Failure::transient("nobody is at the desk").into()),
            _ => done(RoomBooked { room: 1 }),
        }
    }
}

#[tokio::test]
async fn waits_for_another_event_and_retries_of_a_failure_do_not_use_each_other_up() {
    let welcome = Welcome { called: Arc::default() };
    let hotel = welcome.clone().participant();
    let world = TripWorld::new("welcome", vec![part(hotel, HOTEL_TABLES)]).await;
    let saga = world.new_saga();
    world.publish(saga, &trip_to("Rome")).await;
    wait_until("the guest to be welcome", LONG, || async {
        let dead = world.seen().await.into_iter().find(|message| message["exchange"] == "dead");
        if let Some(dead) = dead {
            return Ok(Some(Err(dead)));
        }
        let called = welcome.called.load(Ordering::SeqCst);
        if called == 19 { Ok(Some(Ok(()))) } else { Err(format!("called {called} times")) }
    })
    .await
    .expect("an end")
    .expect("no dead letter");
    world.event::<RoomBooked>(saga).await;
}
