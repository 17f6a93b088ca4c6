//! Shared by several tests.

use std::time::Duration;

use ballet_testkit::TestSystem;
use reqwest::StatusCode;
use serde_json::Value;
use uuid::Uuid;

pub(crate) const SOON: Duration = Duration::from_secs(60);

pub(crate) fn id((status, body): (StatusCode, Value)) -> Uuid {
    assert!(status.is_success(), "{status}: {body}");
    serde_json::from_value(body).expect("an id")
}

pub(crate) async fn dead_letter(system: &TestSystem) -> Value {
    system.dead_letters(1).await[0]["properties"]["headers"].clone()
}
