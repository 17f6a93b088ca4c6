//! One step: once, whatever comes twice, late or broken.

use crate::trip::{
    Rental, RoomBooked, RoomFreed, TripBooked, TripCancelled, TripConfirmed, TripWanted,
};
use crate::world::{TripWorld, everybody};

fn trip_to(city: &str) -> TripBooked {
    TripBooked { city: city.to_owned() }
}

#[tokio::test]
async fn t112_t170_a_step_tells_what_it_did_with_its_saga_and_cause() {
    let world = TripWorld::hotel("tells").await;
    let saga = world.new_saga();
    let cause = world.publish(saga, &trip_to("Rome")).await;
    let booked: RoomBooked = world.event(saga).await;
    assert_eq!(booked.room, 1);

    let seen = world.seen().await;
    let message = seen.iter().find(|m| m["routing_key"] == "hotel.room_booked.v1").expect("seen");
    let properties = &message["properties"];
    assert_eq!(properties["type"], "hotel.room_booked.v1");
    assert_eq!(properties["app_id"], "hotel");
    assert_eq!(properties["content_type"], "application/json");
    assert_eq!(properties["delivery_mode"], 2);
    assert_eq!(properties["headers"]["causation_id"], cause.as_str());
    assert_eq!(world.count("hotel", "ballet.ledger where entry = 'done'").await, 1);
}

#[tokio::test]
async fn t37_t67_a_handler_that_panics_ends_as_one_dead_letter() {
    let world = TripWorld::hotel("panic").await;
    let saga = world.new_saga();
    world.publish(saga, &trip_to("Panic")).await;
    let dead = world.dead_letters(1).await;
    let headers = &dead[0]["properties"]["headers"];
    assert_eq!(headers["x-dead-reason"], "failed");
    assert_eq!(headers["x-attempts"], 12, "three at once, four times");
    assert!(headers["x-dead-detail"].as_str().expect("text").contains("the hotel burns"));
    assert_eq!(dead[0]["payload"], r#"{"city":"Panic"}"#);
    let other = world.new_saga();
    world.publish(other, &trip_to("Oslo")).await;
    world.event::<RoomBooked>(other).await;
    assert_eq!(world.count("hotel", "room").await, 1);
    assert_eq!(world.count("hotel", "ballet.inbox").await, 1, "it is not taken for handled");
}

#[tokio::test]
async fn t103_a_failure_that_is_no_refusal_aborts_nothing_by_itself() {
    let world = TripWorld::new("no_refusal", everybody(Rental::default())).await;
    let sagas = [world.new_saga(), world.new_saga()];
    for (saga, city) in sagas.into_iter().zip(["Broken", "Panic"]) {
        world.publish(saga, &TripWanted { city: city.into() }).await;
    }
    world.dead_letters(2).await;
    let other = world.new_saga();
    world.publish(other, &TripWanted { city: "Rome".into() }).await;
    world.event::<TripConfirmed>(other).await;
    for saga in sagas {
        assert!(world.events::<TripCancelled>(saga).await.is_empty());
        assert!(world.events::<RoomFreed>(saga).await.is_empty());
    }
    assert_eq!(world.count("desk", "trip where state = 'booked'").await, 2, "they wait");
    assert_eq!(world.count("hotel", "ballet.ledger").await, 1, "the one that went through");
}

#[tokio::test]
async fn t118_business_rows_inbox_ledger_and_outbox_commit_together_or_not_at_all() {
    let world = TripWorld::hotel("together").await;
    let tables = ["room", "ballet.inbox", "ballet.ledger"];
    let outbox = "ballet.outbox() where position >= 0";
    // The handler fails after it has written its row.
    world.publish(world.new_saga(), &TripBooked { city: "Broken".into() }).await;
    world.dead_letters(1).await;
    for table in tables.into_iter().chain([outbox]) {
        assert_eq!(world.count("hotel", table).await, 0, "{table}");
    }
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
    for table in tables {
        assert_eq!(world.count("hotel", table).await, 1, "{table}");
    }
}
