//! The reader of heartbeats.

use ballet::{Failure, Reading, TelemetryReader, Tx};
use streaming_events::playback::Heartbeat;

use crate::count::{HeartbeatCounts, ReceivedHeartbeat};
use crate::store::counts;

/// Counts heartbeats into minutes, hours and sessions.
#[derive(Debug)]
pub(crate) struct CountHeartbeats;

impl TelemetryReader for CountHeartbeats {
    const NAME: &'static str = "count_heartbeats";
    type Reads = Heartbeat;

    async fn read(&self, tx: &mut Tx<'_>, readings: &[Reading<Heartbeat>]) -> Result<(), Failure> {
        let beat = |reading: &Reading<Heartbeat>| ReceivedHeartbeat {
            heartbeat: reading.value,
            received: reading.received,
        };
        let beats: Vec<ReceivedHeartbeat> = readings.iter().map(beat).collect();
        let sessions: Vec<_> = beats.iter().map(|beat| beat.heartbeat.session_id).collect();
        let known = counts::of_sessions(tx.db(), &sessions).await?;
        counts::add(tx.db(), &HeartbeatCounts::count(&known, &beats)).await
    }

    async fn reset(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        counts::reset(tx.db()).await
    }
}
