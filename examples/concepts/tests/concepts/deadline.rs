//! Tests of the example `deadline`.

use ballet_testkit::TestSystem;
use concepts::deadline::{self, GuestArrived, SeatKept, SeatReleased, TimeOver};
use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use crate::answers::id;

async fn reserve(system: &TestSystem) -> Uuid {
    id(system.post("reservations", "/reservations", &json!({ "seat": "7F" })).await)
}

async fn arrive(system: &TestSystem, reservation_id: Uuid) {
    system.publish(reservation_id, &GuestArrived {}).await;
}

async fn status(system: &TestSystem, reservation_id: Uuid) -> String {
    let sql = format!("select status from reservation where reservation_id = '{reservation_id}'");
    system.value("reservations", &sql).await
}

#[tokio::test]
async fn a_seat_without_its_guest_is_released_when_the_time_is_over() {
    let system =
        TestSystem::new("released", vec![deadline::service(SignedDuration::from_secs(1))]).await;
    let reservation_id = reserve(&system).await;
    let over: TimeOver = system.event(reservation_id).await;
    let released: SeatReleased = system.event(reservation_id).await;
    assert_eq!(released.reason, format!("no guest by {}", over.since));
    assert_eq!(status(&system, reservation_id).await, "released");

    // The guest is too late. There is one lane: the end of the next reservation comes after the guest.
    arrive(&system, reservation_id).await;
    let next = reserve(&system).await;
    system.event::<SeatReleased>(next).await;
    assert_eq!(status(&system, reservation_id).await, "released");
    assert!(system.all_events::<SeatKept>().await.is_empty());
    system.close(0).await;
}

#[tokio::test]
async fn a_guest_in_time_keeps_the_seat_and_ends_the_deadline() {
    let system =
        TestSystem::new("kept", vec![deadline::service(SignedDuration::from_mins(15))]).await;
    let reservation_id = reserve(&system).await;
    arrive(&system, reservation_id).await;
    system.event::<SeatKept>(reservation_id).await;
    assert_eq!(status(&system, reservation_id).await, "kept");
    assert_eq!(
        system.value::<i64>("reservations", "select count(*) from ballet.deadline").await,
        0
    );
    assert!(system.all_events::<SeatReleased>().await.is_empty());
    system.close(0).await;
}
