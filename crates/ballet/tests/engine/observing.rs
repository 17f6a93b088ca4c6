//! The routes that a service has about itself.

use ballet_stage::wait_until;

use crate::trip::{RoomBooked, TripBooked};
use crate::world::{SOON, World};

#[tokio::test]
async fn t155_health_readiness_and_metrics_tell_how_it_is() {
    let world = World::hotel("health").await;
    let base = format!("http://{}", world.services[0].address());
    let get = |path: &str| reqwest::get(format!("{base}{path}"));
    assert_eq!(get("/healthz").await.expect("an answer").status(), 200);
    wait_until("readiness", SOON, || async {
        let answer = get("/readyz").await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        if status == 200 { Ok(Some(())) } else { Err(text) }
    })
    .await
    .expect("ready");

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
