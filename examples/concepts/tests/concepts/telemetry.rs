//! Tests of the example `telemetry`.

use ballet_stage::wait_until;
use ballet_testkit::TestSystem;
use concepts::telemetry;
use reqwest::StatusCode;
use serde_json::json;

use crate::answers::SOON;

/// An unrecorded measurement is sent again, also while the service is not connected yet.
async fn shone(system: &TestSystem, projector: &str, seconds: u32) {
    let lamp = json!({ "projector": projector, "seconds": seconds });
    wait_until("a measurement", SOON, || async {
        match system.post("projectors", "/lamps", &lamp).await {
            (StatusCode::OK, _) => Ok(Some(())),
            (status, problem) => Err(format!("{status}: {problem}")),
        }
    })
    .await
    .expect("recorded");
}

#[tokio::test]
async fn the_greatest_sum_counts_whatever_comes_twice_or_late() {
    let system = TestSystem::new("lamps", vec![telemetry::service()]).await;
    for seconds in [10, 30, 30, 20] {
        shone(&system, "left", seconds).await;
    }
    shone(&system, "right", 5).await;
    let lamps = "select coalesce(string_agg(projector || ' ' || seconds, ', ' order by projector), '') from lamp";
    system.until("projectors", lamps, "left 30, right 5".to_owned()).await;
    system.close(0).await;
}
