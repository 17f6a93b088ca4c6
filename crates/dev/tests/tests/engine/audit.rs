//! The auditor of the framework's tables, on tables that are broken for it.

use ballet::core::System;
use ballet::{Abort, Event, SagaId};
use ballet_ops::audit::{self, BrokerSnapshot, Report};
use ballet_stage::wait_until;
use jiff::SignedDuration;
use serde_json::json;

use crate::trip::{CarRented, DESK_TABLES, TripBooked, TripConfirmed, cancel, desk};
use crate::world::{SOON, TripWorld, part};

async fn audited(world: &TripWorld) -> Report {
    let system = System { name: "trips", parts: vec![desk().part()] };
    let databases = [("desk".to_owned(), world.env.database_url("desk").to_owned())];
    let broker = BrokerSnapshot::default();
    audit::audit(&system, &databases, &broker, SignedDuration::ZERO).await
}

async fn put_deadline(world: &TripWorld, saga: SagaId, name: &str, minutes: i32) {
    let mut db = world.database("desk").await;
    let put = "insert into ballet.deadline (saga_id, saga, due_at) \
               values ($1, $2, now() + $3 * interval '1 minute')";
    let put = sqlx::query(put).bind(saga.0).bind(name).bind(minutes);
    put.execute(&mut db).await.expect("a deadline");
}

#[tokio::test]
async fn a_deadline_that_outlives_its_saga_is_a_violation_and_one_that_nobody_tells_is_open() {
    let mut world = TripWorld::new("leftovers", vec![part(desk(), DESK_TABLES)]).await;
    let (confirmed, cancelled) = (world.begin(0).await, world.begin(0).await);
    world.publish(confirmed, &CarRented { car: "red".into() }).await;
    world.event::<TripConfirmed>(confirmed).await;
    assert_eq!(cancel(world.handle(0), cancelled).await, Abort::Aborted);
    let open = world.begin(0).await;
    world.services.remove(0).stop().await;
    let sound = audited(&world).await;
    assert!(sound.is_quiescent(), "an open saga may have a deadline: {sound}");

    put_deadline(&world, confirmed, "trip", 60).await;
    put_deadline(&world, cancelled, "trip", 61).await;
    let broken = audited(&world).await;
    assert_eq!(broken.violations.len(), 2, "{broken}");
    for (saga, what) in [(confirmed, "decided it with confirm_trip"), (cancelled, "aborted it")] {
        let of_saga = format!("saga {saga}: desk has {what}, but the deadline at ");
        assert!(broken.violations.iter().any(|line| line.starts_with(&of_saga)), "{broken}");
    }

    put_deadline(&world, world.new_saga(), "trip", -1).await;
    put_deadline(&world, world.new_saga(), "journey", -1).await;
    let late = audited(&world).await;
    let open_line =
        late.open.iter().find(|line| line.starts_with("desk has not published 1 deadline of trip"));
    assert!(open_line.is_some_and(|line| line.ends_with("check that it is running")), "{late}");
    let stuck = late.stuck.iter().find(|line| line.starts_with("desk has 1 deadline of journey"));
    assert!(stuck.is_some_and(|line| line.ends_with("they will never be published")), "{late}");
    assert!(!late.violations.iter().any(|line| line.contains(&open.to_string())), "{late}");
}

#[tokio::test]
async fn a_dead_letter_is_seen_before_the_broker_has_counted_it() {
    let world = TripWorld::prepared("uncounted", vec![part(desk(), DESK_TABLES)]).await;
    let saga = world.new_saga();
    let properties = json!({ "type": TripBooked::TYPE.name(), "correlation_id": saga.to_string(),
        "headers": { "x-dead-reason": "failed", "x-dead-detail": "the line was cut" } });
    let management = world.env.management();
    for _ in 0..2 {
        management.publish("amq.default", "desk.dead", &properties, "{}").await.expect("published");
    }
    let broker = management.audited(20).await.expect("an answer");
    let reasons: Vec<&str> = broker.dead_letters.iter().map(|dead| dead.reason.as_str()).collect();
    assert_eq!(reasons, ["failed: the line was cut"; 2]);
    assert_eq!(broker.dead_letters[0].saga, Some(saga.0));
    assert_eq!(broker.queues["desk.dead"], 2);
}

#[tokio::test]
async fn t175_what_the_broker_cannot_dead_letter_is_a_violation_that_names_the_queue() {
    let world = TripWorld::new("held", vec![part(desk(), DESK_TABLES)]).await;
    let management = world.env.management();
    let system = System { name: "trips", parts: vec![desk().part()] };
    let databases = [("desk".to_owned(), world.env.database_url("desk").to_owned())];
    // One comes back to its service, and one to a queue that is not there. What no queue takes goes to
    // `unrouted`, which is gone, too.
    management.delete_queue("unrouted").await.expect("deleted");
    for key in ["desk", "nowhere"] {
        let published = management.publish("retry.5s", key, &json!({}), "{}").await;
        assert!(published.expect("published"));
    }
    let report = wait_until("what is held", SOON, || async {
        let broker = management.audited(20).await.map_err(|error| error.to_string())?;
        let report = audit::audit(&system, &databases, &broker, SignedDuration::ZERO).await;
        if report.is_clean() { Err(report.to_string()) } else { Ok(Some(report)) }
    })
    .await
    .expect("a violation");
    let [violation] = &report.violations[..] else { panic!("{report}") };
    let words = "1 message in queue `retry.5s` waited longer than its time, and the broker cannot";
    assert!(violation.starts_with(words), "{violation}");
    assert!(report.open.iter().any(|line| line == "1 message in queue retry.5s"), "{report}");
}
