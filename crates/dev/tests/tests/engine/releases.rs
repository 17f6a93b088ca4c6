//! Rows and messages of another version of the code: an earlier release, and one with a step that this one lacks.

use ballet::core::System;
use ballet::{Clock, SagaId};
use ballet_amqp::RabbitMq;
use ballet_ops::audit::{self, BrokerSnapshot};
use ballet_ops::redrive::{DeadLetterFilter, DeadLetters, Note, RedriveOptions};
use ballet_stage::wait_until;
use ballet_store::inbox::stuck;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sqlx::Executor;
use tokio::sync::watch;

use crate::trip::{
    CarRented, HotelRenamed, Rental, RoomBooked, RoomFreed, TripBooked, TripCancelled, TripOverdue,
};
use crate::world::{SOON, TripWorld, everybody, the_hotel};

/// Each release left a database dump, by service. A release adds its own, and changes none.
const RELEASES: [(&str, &str); 3] = [
    ("desk", include_str!("../releases/0.1-desk.sql")),
    ("hotel", include_str!("../releases/0.1-hotel.sql")),
    ("cars", include_str!("../releases/0.1-cars.sql")),
];

fn saga(number: u32) -> SagaId {
    format!("00000000-0000-4000-8000-{number:012}").parse().expect("an id")
}

#[tokio::test]
async fn t128_rows_and_dead_letters_of_the_release_before_are_handled() {
    let mut world = TripWorld::new("release", everybody(Rental::default())).await;
    for service in std::mem::take(&mut world.services) {
        service.stop().await;
    }
    for (service, rows) in RELEASES {
        let mut db = world.database(service).await;
        db.execute(sqlx::raw_sql(rows)).await.expect("rows of a release");
    }
    let letter = json!({
        "message_id": "00000000-0000-4000-8000-0000000000a5", "type": "desk.trip_booked.v1",
        "correlation_id": saga(5).to_string(), "app_id": "desk", "delivery_mode": 2,
        "content_type": "application/json",
        "headers": {
            "causation_id": "00000000-0000-4000-8000-0000000000a6",
            "x-dead-reason": "failed", "x-dead-detail": "the line was cut",
            "x-dead-at": "2026-11-20T12:00:00Z", "x-dead-service": "hotel",
            "x-dead-step": "book_room", "x-dead-exchange": "events",
            "x-dead-routing-key": "desk.trip_booked.v1", "x-attempts": 6,
        },
    });
    let put = world.env.management().publish("dead", "hotel", &letter, r#"{"city":"Rome"}"#).await;
    assert!(put.expect("published"));

    for part in everybody(Rental::default()) {
        world.start(part).await;
    }
    // From the outbox, a deadline, a call.
    wait_until("the event from the outbox", SOON, || async {
        let seen = world.seen().await;
        let renamed = |m: &&serde_json::Value| m["routing_key"] == "hotel.hotel_renamed.v1";
        Ok::<_, String>(seen.iter().find(renamed).map(|m| {
            let name: HotelRenamed =
                serde_json::from_str(m["payload"].as_str().expect("text")).expect("an event");
            assert_eq!(name.name, "Ritz");
        }))
    })
    .await
    .expect("the event");
    world.event::<TripOverdue>(saga(3)).await;
    world.event::<TripCancelled>(saga(3)).await;
    let rented: CarRented = world.event(saga(4)).await;
    assert_eq!(rented.car, "a car in Rome");
    // A step left this data for its undo.
    world.publish(saga(1), &TripCancelled { reason: "the customer".into() }).await;
    assert_eq!(world.event::<RoomFreed>(saga(1)).await.room, 7);
    let stuck = stuck::list(&mut world.database("hotel").await, 10).await.expect("a list");
    assert!(stuck.iter().any(|stuck| stuck.saga_id == Some(saga(2))), "{stuck:?}");
    redrive_all(&world).await;
    world.event::<RoomBooked>(saga(5)).await;
}

async fn redrive_all(world: &TripWorld) {
    let broker = RabbitMq::new(world.env.amqp_url("redrive")).expect("a URL");
    let dead_letters = DeadLetters::new(broker, "hotel");
    let clock = Clock::system();
    let plan = dead_letters
        .plan(DeadLetterFilter::default(), None, Timestamp::UNIX_EPOCH)
        .await
        .expect("a plan");
    let group = plan.groups().all().next().expect("a group").0.to_string();
    assert!(group.starts_with("failed in book_room, desk.trip_booked.v1, "), "{group}");
    let (_keep, stop) = watch::channel(false);
    let note = Note { by: "a test".to_owned(), why: None, at: clock.now() };
    let run_id = clock.new_id(clock.now());
    let options =
        RedriveOptions { note, run_id, rate: None, beyond_memory: true, stop, progress: &|_| {} };
    let summary = dead_letters.redrive(&plan, &options).await.expect("redriven");
    assert_eq!((summary.removed, summary.failed), (1, 0), "{summary:?}");
}

/// Renames as if a release had renamed the step, or not.
async fn rename(world: &TripWorld, from: &str, to: &str) {
    let rename = sqlx::query("update ballet.ledger set step = $2 where step = $1");
    let renamed = rename.bind(from).bind(to).execute(&mut world.database("hotel").await).await;
    assert_eq!(renamed.expect("renamed").rows_affected(), 1);
}

#[tokio::test]
async fn t129_a_step_that_is_gone_from_the_code_is_reported_and_its_row_is_kept() {
    let system = System { name: "trips", parts: vec![the_hotel().participant.part()] };
    let world = TripWorld::hotel("gone").await;
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
    rename(&world, "book_room", "book_suite").await;
    world.publish(saga, &TripCancelled { reason: "the customer".into() }).await;
    let dead = world.dead_letters(1).await;
    let detail = dead[0]["properties"]["headers"]["x-dead-detail"].as_str().unwrap_or_default();
    assert!(
        detail.contains("\"book_suite\" that this version of the service does not"),
        "{detail}"
    );
    assert_eq!(world.count("hotel", "ballet.ledger where entry = 'done'").await, 1, "it is kept");
    assert_eq!(world.count("hotel", "ballet.ledger where entry = 'aborted'").await, 1);
    assert_eq!(world.count("hotel", "room where freed").await, 0);
    let stuck = stuck::list(&mut world.database("hotel").await, 10).await.expect("a list");
    assert!(stuck.iter().any(|it| it.saga_id == Some(saga) && it.next_at.is_none()), "{stuck:?}");
    let databases = [("hotel".to_owned(), world.env.database_url("hotel").to_owned())];
    let (broker, quiescent_after) = (BrokerSnapshot::default(), SignedDuration::ZERO);
    let report = audit::audit(&system, &databases, &broker, quiescent_after).await;
    let expected = "has rows of book_suite, which is not a step of this version";
    assert!(report.to_string().contains(expected), "{report}");

    // The version that knows the step runs again, and the message is sent back.
    rename(&world, "book_suite", "book_room").await;
    let dead_letters = world.env.management().take("hotel.dead", 1).await.expect("a dead letter");
    let (properties, body) = (&dead_letters[0]["properties"], dead_letters[0]["payload"].as_str());
    let body = body.expect("text");
    let back = world.env.management().publish("amq.default", "hotel", properties, body).await;
    assert!(back.expect("published"));
    world.event::<RoomFreed>(saga).await;
    assert_eq!(world.count("hotel", "room where freed").await, 1);
}
