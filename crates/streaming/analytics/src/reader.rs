//! The reader of heartbeats.

use ballet::{Failure, Reading, TelemetryReader, Tx};
use streaming_events::playback::Heartbeat;

use crate::count::{Beat, Run};
use crate::store::counted;

/// Counts heartbeats into minutes, hours and sessions.
#[derive(Debug)]
pub(crate) struct CountHeartbeats;

impl TelemetryReader for CountHeartbeats {
    const NAME: &'static str = "count_heartbeats";
    type Reads = Heartbeat;

    async fn read(&self, tx: &mut Tx<'_>, readings: &[Reading<Heartbeat>]) -> Result<(), Failure> {
        let beat = |reading: &Reading<Heartbeat>| Beat {
            heartbeat: reading.value,
            received: reading.received,
        };
        let beats: Vec<Beat> = readings.iter().map(beat).collect();
        let sessions: Vec<_> = beats.iter().map(|beat| beat.heartbeat.session_id).collect();
        let known = counted::of_sessions(tx.db(), &sessions).await?;
        counted::add(tx.db(), &Run::count(&known, &beats)).await
    }

    async fn reset(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        counted::reset(tx.db()).await
    }
}
