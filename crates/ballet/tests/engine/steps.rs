//! One step: once, whatever comes twice, late or broken.

use ballet_stage::wait_until;

use crate::trip::{
    GUIDE_TABLES, HOTEL_TABLES, HotelRenamed, RoomBooked, RoomFreed, RoomRefused, TripBooked,
    TripCancelled, Trouble, guide, hotel,
};
use crate::world::{SOON, World, part};

async fn hotel_world(name: &str) -> World {
    hotel_with(name, Trouble::default()).await
}

async fn hotel_with(name: &str, trouble: Trouble) -> World {
    World::new(name, vec![part(hotel(trouble), HOTEL_TABLES)]).await
}

fn trip_to(city: &str) -> TripBooked {
    TripBooked { city: city.to_owned() }
}

fn cancelled() -> TripCancelled {
    TripCancelled { reason: "test".into() }
}

#[tokio::test]
async fn t112_a_step_tells_what_it_did_with_its_saga_and_cause() {
    let world = hotel_world("tells").await;
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
async fn t30_a_handled_event_is_not_handled_again() {
    let world = hotel_world("twice").await;
    let (saga, id) = (world.new_saga(), world.new_id());
    world.publish_as(&id, saga, &trip_to("Rome")).await;
    world.event::<RoomBooked>(saga).await;
    world.publish_as(&id, saga, &trip_to("Rome")).await;
    // Under another id it is another message, and the ledger knows the step.
    world.publish(saga, &trip_to("Rome")).await;
    let other = world.new_saga();
    world.publish(other, &trip_to("Oslo")).await;
    world.event::<RoomBooked>(other).await;
    assert_eq!(world.events::<RoomBooked>(saga).await.len(), 1);
    assert_eq!(world.count("hotel", "room").await, 2);
    assert_eq!(world.count("hotel", "ballet.inbox").await, 3);
}

#[tokio::test]
async fn a_refusal_is_an_event_and_leaves_no_rows() {
    let world = hotel_world("refusal").await;
    let saga = world.new_saga();
    world.publish(saga, &trip_to("Full")).await;
    world.event::<RoomRefused>(saga).await;
    world.publish(saga, &cancelled()).await;
    wait_until("the tombstone", SOON, || async {
        let found = world.count("hotel", "ballet.ledger where entry = 'aborted'").await;
        Ok::<_, String>((found == 1).then_some(()))
    })
    .await
    .expect("the tombstone");
    assert_eq!(world.count("hotel", "room").await, 0);
    assert!(world.events::<RoomFreed>(saga).await.is_empty());
}

#[tokio::test]
async fn t94_an_abort_undoes_the_step_once_with_its_own_outcome() {
    let world = hotel_world("undo").await;
    let saga = world.new_saga();
    world.publish(saga, &trip_to("Rome")).await;
    let booked: RoomBooked = world.event(saga).await;
    let id = world.publish(saga, &cancelled()).await;
    let freed: RoomFreed = world.event(saga).await;
    assert_eq!(freed.room, booked.room);
    world.publish_as(&id, saga, &cancelled()).await;
    world.publish(saga, &cancelled()).await;
    let other = world.new_saga();
    world.publish(other, &trip_to("Oslo")).await;
    world.event::<RoomBooked>(other).await;
    assert_eq!(world.events::<RoomFreed>(saga).await.len(), 1);
    assert_eq!(world.count("hotel", "room where freed").await, 1);
}

#[tokio::test]
async fn t95_t96_an_abort_that_comes_first_leaves_a_tombstone() {
    let world = hotel_world("tombstone").await;
    let saga = world.new_saga();
    world.publish(saga, &cancelled()).await;
    world.publish(saga, &trip_to("Rome")).await;
    let other = world.new_saga();
    world.publish(other, &trip_to("Oslo")).await;
    world.event::<RoomBooked>(other).await;
    assert!(world.events::<RoomBooked>(saga).await.is_empty());
    assert_eq!(world.count("hotel", "room").await, 1);
}

#[tokio::test]
async fn a_failing_handler_costs_its_neighbours_nothing() {
    let world = hotel_world("neighbours").await;
    let sagas: Vec<_> = (0..60).map(|_| world.new_saga()).collect();
    let mut broken = 0;
    for (at, saga) in sagas.iter().enumerate() {
        let city = if at % 20 == 7 { "Broken" } else { "Rome" };
        broken += usize::from(city == "Broken");
        world.publish(*saga, &trip_to(city)).await;
    }
    let dead = world.dead_letters(broken).await;
    wait_until("the rooms of all others", SOON, || async {
        let rooms = world.count("hotel", "room").await;
        if rooms == 57 { Ok(Some(())) } else { Err(format!("{rooms} rooms")) }
    })
    .await
    .expect("all others");
    assert_eq!(dead.len(), 3);
    let headers = &dead[0]["properties"]["headers"];
    assert_eq!(headers["x-dead-reason"], "permanent");
    assert_eq!(headers["x-dead-step"], "book_room");
    assert_eq!(headers["x-dead-detail"], "no such hotel system");
    assert_eq!(headers["x-attempts"], 1);
}

#[tokio::test]
async fn t66_a_transient_failure_is_tried_again_without_a_trace() {
    let world = hotel_with("transient", Trouble::default().times(2)).await;
    let saga = world.new_saga();
    world.publish(saga, &trip_to("Shaky")).await;
    world.event::<RoomBooked>(saga).await;
    assert_eq!(world.count("hotel", "room").await, 1);
    assert!(world.seen().await.iter().all(|m| m["exchange"] != "dead"));
}

#[tokio::test]
async fn t37_t67_a_handler_that_panics_ends_as_one_dead_letter() {
    let world = hotel_world("panic").await;
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
async fn a_projection_applies_a_plain_event_once() {
    let world = World::new(
        "projection",
        vec![part(guide(), GUIDE_TABLES), part(hotel(Trouble::default()), HOTEL_TABLES)],
    )
    .await;
    let mut unit = world.handle(1).unit().await.expect("a transaction");
    unit.tx().publish(&HotelRenamed { name: "Ritz".into() }).await.expect("an event");
    unit.commit().await.expect("committed");
    wait_until("the new name", SOON, || async {
        Ok::<_, String>((world.count("guide", "hotel_name").await == 1).then_some(()))
    })
    .await
    .expect("the new name");
    let seen = world.seen().await;
    let message = seen.iter().find(|m| m["routing_key"] == "hotel.hotel_renamed.v1").expect("seen");
    assert_eq!(message["properties"]["correlation_id"], message["properties"]["message_id"]);
}
