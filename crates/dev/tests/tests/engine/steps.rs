//! One step: once, whatever comes twice, late or broken.

use ballet::Migration;

use crate::trip::{
    GUIDE_TABLES, HOTEL_TABLES, HotelRenamed, Rental, RoomBooked, RoomFreed, RoomRefused,
    TripBooked, TripCancelled, TripConfirmed, TripWanted, Trouble, guide, hotel,
};
use crate::world::{TripWorld, everybody, part, the_hotel};

fn trip_to(city: &str) -> TripBooked {
    TripBooked { city: city.to_owned() }
}

fn cancelled() -> TripCancelled {
    TripCancelled { reason: "test".into() }
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
async fn t30_t34_t93_a_handled_event_is_not_handled_again() {
    let world = TripWorld::hotel("twice").await;
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
    let world = TripWorld::hotel("refusal").await;
    let saga = world.new_saga();
    world.publish(saga, &trip_to("Full")).await;
    world.event::<RoomRefused>(saga).await;
    world.publish(saga, &cancelled()).await;
    world.until_count("hotel", "ballet.ledger where entry = 'aborted'", 1).await;
    assert_eq!(world.count("hotel", "room").await, 0);
    assert!(world.events::<RoomFreed>(saga).await.is_empty());
}

#[tokio::test]
async fn t94_an_abort_undoes_the_step_once_with_its_own_outcome() {
    let world = TripWorld::hotel("undo").await;
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
    let world = TripWorld::hotel("tombstone").await;
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
async fn t66_a_transient_failure_is_tried_again_without_a_trace() {
    let hotel = hotel(Trouble::default().times(2));
    let world = TripWorld::new("transient", vec![part(hotel, HOTEL_TABLES)]).await;
    let saga = world.new_saga();
    world.publish(saga, &trip_to("Shaky")).await;
    world.event::<RoomBooked>(saga).await;
    assert_eq!(world.count("hotel", "room").await, 1);
    assert!(world.seen().await.iter().all(|m| m["exchange"] != "dead"));
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
async fn a_projection_applies_a_plain_event_once() {
    let world = TripWorld::new("projection", vec![part(guide(), GUIDE_TABLES), the_hotel()]).await;
    let mut unit = world.handle(1).unit().await.expect("a transaction");
    unit.tx().publish(&HotelRenamed { name: "Ritz".into() }).await.expect("an event");
    unit.commit().await.expect("committed");
    world.until_count("guide", "hotel_name", 1).await;
    let seen = world.seen().await;
    let message = seen.iter().find(|m| m["routing_key"] == "hotel.hotel_renamed.v1").expect("seen");
    assert_eq!(message["properties"]["correlation_id"], message["properties"]["message_id"]);
}

#[tokio::test]
async fn t97_a_step_and_its_abort_at_once_on_two_replicas_leave_nothing_half_done() {
    const SAGAS: i64 = 30;
    // A commit takes a while, so that the abort comes while the step's is under way.
    const SLOW: &[Migration] = &[Migration {
        name: "0001_room",
        sql: "create table room (
                  room bigserial primary key, saga_id uuid not null,
                  freed boolean not null default false
              );
              create function slow() returns trigger language plpgsql as
                  $$ begin perform pg_sleep(0.05); return null; end $$;
              create constraint trigger slow after insert on room deferrable initially deferred
                  for each row execute function slow()",
    }];
    let replica = || part(hotel(Trouble::default()), SLOW);
    let mut world = TripWorld::new("at_once", vec![replica()]).await;
    world.start(replica()).await;
    for _ in 0..SAGAS {
        let saga = world.new_saga();
        world.publish(saga, &TripBooked { city: "Rome".into() }).await;
        world.publish(saga, &TripCancelled { reason: "test".into() }).await;
    }
    world.until_count("hotel", "ballet.inbox", 2 * SAGAS).await;
    assert_eq!(world.count("hotel", "room where not freed").await, 0);
    assert_eq!(world.count("hotel", "ballet.ledger where entry = 'aborted'").await, SAGAS);
    let rooms = world.count("hotel", "room").await;
    assert_eq!(world.count("hotel", "ballet.ledger where entry = 'done'").await, rooms);
    assert_eq!(world.count("hotel", "ballet.ledger where entry = 'undone'").await, rooms);
    assert!(rooms > 0, "some were booked before they were cancelled");
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
