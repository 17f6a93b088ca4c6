//! One step: all of it or nothing, and its events.

use serde_json::Value;

use crate::trip::{
    Rental, RoomBooked, RoomFreed, TripBooked, TripCancelled, TripConfirmed, TripWanted,
};
use crate::world::{TripWorld, everybody};

fn trip_to(city: &str) -> TripBooked {
    TripBooked { city: city.to_owned() }
}

#[tokio::test]
async fn t112_t118_t170_a_step_commits_all_or_nothing_and_tells_its_saga_and_cause() {
    let world = TripWorld::hotel("together").await;
    let tables = ["room", "ballet.inbox", "ballet.ledger"];
    let outbox = "ballet.outbox() where position >= 0";
    world.publish(world.new_saga(), &trip_to("Broken")).await;
    world.dead_letters(1).await;
    for table in tables.into_iter().chain([outbox]) {
        assert_eq!(world.count("hotel", table).await, 0, "{table}");
    }
    let saga = world.new_saga();
    let cause = world.publish(saga, &trip_to("Rome")).await;
    world.event::<RoomBooked>(saga).await;
    for table in tables {
        assert_eq!(world.count("hotel", table).await, 1, "{table}");
    }
    assert_eq!(world.count("hotel", "ballet.ledger where entry = 'done'").await, 1);

    let seen = world.seen().await;
    let message = seen.iter().find(|m| m["routing_key"] == "hotel.room_booked.v1").expect("seen");
    let properties = &message["properties"];
    assert_eq!(properties["type"], "hotel.room_booked.v1");
    assert_eq!(properties["app_id"], "hotel");
    assert_eq!(properties["content_type"], "application/json");
    assert_eq!(properties["delivery_mode"], 2);
    assert_eq!(properties["headers"]["causation_id"], cause.as_str());
}

#[tokio::test]
async fn t37_t67_t103_a_failure_ends_as_one_dead_letter_and_aborts_nothing_by_itself() {
    let world = TripWorld::new("no_refusal", everybody(Rental::default())).await;
    let sagas = [world.new_saga(), world.new_saga()];
    for (saga, city) in sagas.into_iter().zip(["Broken", "Panic"]) {
        world.publish(saga, &TripWanted { city: city.into() }).await;
    }
    let dead = world.dead_letters(2).await;
    let of_panic = |letter: &&Value| letter["payload"] == r#"{"city":"Panic"}"#;
    let headers = &dead.iter().find(of_panic).expect("a letter")["properties"]["headers"];
    assert_eq!(headers["x-dead-reason"], "failed");
    assert_eq!(headers["x-attempts"], 12, "three at once, four times");
    assert!(headers["x-dead-detail"].as_str().expect("text").contains("the hotel burns"));
    let other = world.new_saga();
    world.publish(other, &TripWanted { city: "Rome".into() }).await;
    world.event::<TripConfirmed>(other).await;
    for saga in sagas {
        assert!(world.events::<TripCancelled>(saga).await.is_empty());
        assert!(world.events::<RoomFreed>(saga).await.is_empty());
    }
    assert_eq!(world.count("desk", "trip where state = 'booked'").await, 2, "they wait");
    assert_eq!(world.count("hotel", "ballet.ledger").await, 1, "the one that went through");
    assert_eq!(world.count("hotel", "room").await, 1);
    assert_eq!(world.count("hotel", "ballet.inbox").await, 1, "they are not taken for handled");
    assert_eq!(world.dead_letters(2).await.len(), 2);
}
