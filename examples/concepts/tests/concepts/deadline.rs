//! Tests of the example `deadline`.

use concepts::deadline::{self, GuestArrived, SeatKept, SeatReleased, TimeOver};
use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use crate::world::{World, id};

async fn reserve(world: &World) -> Uuid {
    id(world.post("reservations", "/reservations", &json!({ "seat": "7F" })).await)
}

async fn arrive(world: &World, reservation_id: Uuid) {
    let (saga_id, message_id) = (Some(reservation_id), world.new_id());
    world.publish_as("turnstile", message_id, saga_id, &GuestArrived {}).await;
}

async fn status(world: &World, reservation_id: Uuid) -> String {
    let sql = format!("select status from reservation where reservation_id = '{reservation_id}'");
    world.value("reservations", &sql).await
}

#[tokio::test]
async fn a_seat_without_its_guest_is_released_when_the_time_is_over() {
    let world = World::new("released", vec![deadline::service(SignedDuration::from_secs(1))]).await;
    let reservation_id = reserve(&world).await;
    let over: TimeOver = world.event(reservation_id).await;
    let released: SeatReleased = world.event(reservation_id).await;
    assert_eq!(released.reason, format!("no guest by {}", over.since));
    assert_eq!(status(&world, reservation_id).await, "released");

    // The guest is too late. There is one lane: the end of the next reservation comes after the guest.
    arrive(&world, reservation_id).await;
    let next = reserve(&world).await;
    world.event::<SeatReleased>(next).await;
    assert_eq!(status(&world, reservation_id).await, "released");
    assert!(world.events::<SeatKept>().await.is_empty());
    world.close(0).await;
}

#[tokio::test]
async fn a_guest_in_time_keeps_the_seat_and_ends_the_deadline() {
    let world = World::new("kept", vec![deadline::service(SignedDuration::from_mins(15))]).await;
    let reservation_id = reserve(&world).await;
    arrive(&world, reservation_id).await;
    world.event::<SeatKept>(reservation_id).await;
    assert_eq!(status(&world, reservation_id).await, "kept");
    assert_eq!(world.value::<i64>("reservations", "select count(*) from ballet.deadline").await, 0);
    assert!(world.events::<SeatReleased>().await.is_empty());
    world.close(0).await;
}
