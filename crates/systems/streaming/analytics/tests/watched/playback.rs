//! Publishes heartbeats in place of playback.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use ballet::http::{Json, Problem};
use ballet::{Handle, Participant, Service};
use ballet_testkit::TestSystem;
use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use serde_json::json;
use streaming_events::playback::{Heartbeat, PlaybackEnded, PlaybackStarted};
use uuid::Uuid;

use crate::new_title;

pub(crate) fn service() -> Service {
    let participant = Participant::new("playback")
        .publishes::<PlaybackStarted>()
        .publishes::<PlaybackEnded>()
        .publishes_telemetry::<Heartbeat>();
    let routes = |handle| Router::new().route("/beats", post(beat)).with_state(handle);
    Service::new(participant).routes(routes)
}

async fn beat(
    State(handle): State<Handle>,
    Json(heartbeat): Json<Heartbeat>,
) -> Result<(), Problem> {
    Ok(handle.telemetry::<Heartbeat>().send(&heartbeat).await?)
}

pub(crate) struct TestSession {
    pub(crate) session_id: Uuid,
    pub(crate) title_id: Uuid,
    pub(crate) began: Timestamp,
}

impl TestSession {
    pub(crate) fn new(system: &TestSystem) -> Self {
        let (session_id, title_id) = (system.new_id(), new_title(system));
        Self { session_id, title_id, began: system.handle(0).now() }
    }

    /// Beats one second later for each number.
    pub(crate) async fn beat(&self, system: &TestSystem, number: u32, watched_seconds: u32) {
        let heartbeat = json!({
            "session_id": self.session_id,
            "title_id": self.title_id,
            "number": number,
            "position_seconds": watched_seconds,
            "watched_seconds": watched_seconds,
            "at": self.began + SignedDuration::from_secs(i64::from(number)),
        });
        // A device repeats a heartbeat that was not recorded, also while the service is not connected yet.
        let sent = async {
            loop {
                let (status, problem) = system.post("playback", "/beats", &heartbeat).await;
                if status.is_success() {
                    return;
                }
                assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), sent).await.expect("a heartbeat is taken");
    }
}
