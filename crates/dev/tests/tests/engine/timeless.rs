//! Ids without a time: the service reports what it has forgotten, and does not guess.

use ballet::SagaId;
use serde_json::json;

use crate::trip::{DESK_TABLES, RoomBooked, RoomFreed, TripBooked, TripCancelled, desk};
use crate::world::{TripWorld, part, the_hotel};

const WANTED: &str = "agency.trip_wanted.v1";

async fn told(world: &TripWorld, letters: usize) -> (String, String) {
    let dead = world.dead_letters(letters).await;
    let header = |name: &str| {
        let headers = &dead.last().expect("one")["properties"]["headers"];
        headers[name].as_str().unwrap_or_default().to_owned()
    };
    (header("x-dead-reason"), header("x-dead-detail"))
}

#[tokio::test(flavor = "multi_thread")]
async fn t177_a_saga_without_a_time_that_is_forgotten_does_not_run_again() {
    let mut world = TripWorld::hotel("forgotten").await;
    let saga: SagaId = "5d3d2a70-97e1-4e0e-9a4e-1f0a7c3d1b11".parse().expect("a UUID");
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
    world.publish(saga, &TripCancelled { reason: "the customer".into() }).await;
    world.event::<RoomFreed>(saga).await;
    world.services.pop().expect("the hotel").stop().await;
    let age = "update ballet.ledger_other set recorded_at = now() - interval '91 days'";
    world.execute("hotel", age).await;
    world.start(the_hotel()).await;
    world.until_count("hotel", "ballet.ledger_other", 0).await;

    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    let (reason, detail) = told(&world, 1).await;
    assert_eq!(reason, "saga_too_old", "{detail}");
    assert!(detail.contains("has no time in it"), "{detail}");
    world.publish(saga, &TripCancelled { reason: "the customer".into() }).await;
    assert_eq!(told(&world, 2).await.0, "saga_too_old");
    assert_eq!(world.count("hotel", "room").await, 1);
    assert_eq!(world.count("hotel", "ballet.ledger_other").await, 0);
    let next = SagaId("5d3d2a70-97e1-4e0e-9a4e-1f0a7c3d1b12".parse().expect("a UUID"));
    world.publish(next, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(next).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t27_an_identical_body_after_the_inbox_has_forgotten_is_told() {
    let desk = || part(desk(), DESK_TABLES);
    let mut world = TripWorld::new("identical", vec![desk()]).await;
    let properties = json!({ "type": WANTED });
    world.publish_raw(WANTED, &properties, r#"{"city":"Rome"}"#).await;
    world.until_count("desk", "trip where state = 'booked'", 1).await;
    world.services.pop().expect("the desk").stop().await;
    let age = "update ballet.inbox_other set received_at = now() - interval '8 days'";
    world.execute("desk", age).await;
    world.start(desk()).await;
    world.until_count("desk", "ballet.inbox_other", 0).await;

    world.publish_raw(WANTED, &properties, r#"{"city":"Rome"}"#).await;
    let (reason, detail) = told(&world, 1).await;
    assert_eq!(reason, "too_old_to_deduplicate", "{detail}");
    assert!(detail.contains("an id of its own"), "{detail}");
    assert_eq!(world.count("desk", "trip").await, 1);
    for number in 2..4 {
        let properties = json!({ "type": WANTED, "message_id": world.new_id() });
        world.publish_raw(WANTED, &properties, r#"{"city":"Rome"}"#).await;
        world.until_count("desk", "trip", number).await;
    }
}
