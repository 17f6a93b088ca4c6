//! Analytics: the time that titles are watched, by hour. It counts heartbeats by the time at which they were made;
//! the end of a session has the last word. Changes to a closed hour are corrections. Analytics knows no accounts.

#![warn(missing_docs)]

mod count;
mod http;
mod ranking;
mod store;
mod window;

use ballet::openapi::Document;
use ballet::{Failure, Reading, Tx};
use streaming_events::playback::{Heartbeat, PlaybackEnded, PlaybackStarted};
use streaming_events::titles::{Title, TitlePublished, TitleWithdrawn};

use crate::count::{HeartbeatCounts, ReceivedHeartbeat};
use crate::store::{counts, sessions};

/// The service `analytics`: the events and telemetry that it reads.
#[ballet::service(
    "analytics",
    copies(Title, fed_by(TitlePublished, TitleWithdrawn)),
    migrations = "../../../../migrations/analytics",
    routes = http::routes
)]
impl Analytics {
    /// Counts a session that starts as a view.
    #[projects]
    async fn note_start(tx: &mut Tx<'_>, started: PlaybackStarted) -> Result<(), Failure> {
        sessions::started(tx.db(), &started).await
    }

    /// Records how long a session was watched. A difference to its heartbeats becomes a correction.
    #[projects]
    async fn note_end(tx: &mut Tx<'_>, ended: PlaybackEnded) -> Result<(), Failure> {
        sessions::ended(tx.db(), &ended).await
    }

    /// Counts heartbeats into minutes, hours and sessions.
    #[reads_telemetry(reset = forget_heartbeats)]
    async fn count_heartbeats(
        tx: &mut Tx<'_>,
        readings: &[Reading<Heartbeat>],
    ) -> Result<(), Failure> {
        let beat = |reading: &Reading<Heartbeat>| ReceivedHeartbeat {
            heartbeat: reading.value,
            received: reading.received,
        };
        let beats: Vec<ReceivedHeartbeat> = readings.iter().map(beat).collect();
        let sessions: Vec<_> = beats.iter().map(|beat| beat.heartbeat.session_id).collect();
        let known = counts::of_sessions(tx.db(), &sessions).await?;
        counts::add(tx.db(), &HeartbeatCounts::count(&known, &beats)).await
    }

    async fn forget_heartbeats(tx: &mut Tx<'_>) -> Result<(), Failure> {
        counts::reset(tx.db()).await
    }
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
