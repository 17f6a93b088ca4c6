//! The routes that a service has about itself.

use ballet_testkit::health::until_ready;

use crate::trip::{RoomBooked, TripBooked};
use crate::world::TripWorld;

#[tokio::test]
async fn t155_health_readiness_and_metrics_tell_how_it_is() {
    let world = TripWorld::hotel("health").await;
    let base = format!("http://{}", world.services[0].address());
    let get = |path: &str| reqwest::get(format!("{base}{path}"));
    assert_eq!(get("/healthz").await.expect("an answer").status(), 200);
    until_ready(world.services[0].address(), "a ready service", |status, _| status == 200).await;

    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
    let metrics = get("/metrics").await.expect("an answer").text().await.expect("text");
    for line in [
        r#"ballet_messages_total{type="desk.trip_booked.v1",outcome="handled"}"#,
        "ballet_batch_size_bucket",
        "ballet_transaction_seconds_sum",
        "ballet_publish_to_commit_seconds_count",
        "ballet_outbox_unpublished",
        "ballet_calls_open",
    ] {
        assert!(metrics.contains(line), "{line} is missing in:\n{metrics}");
    }

    let missing = get("/nowhere").await.expect("an answer");
    assert_eq!(missing.status(), 404);
    assert_eq!(missing.headers()["content-type"], "application/problem+json");
}
