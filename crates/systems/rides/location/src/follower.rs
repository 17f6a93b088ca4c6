//! Follows the stream of positions into the index.

use ballet::{Reading, TelemetryFollower};
use jiff::{SignedDuration, Timestamp};
use rides_events::location::Position;

use crate::index::DriverIndex;

/// Records each position in this process's index.
#[derive(Debug)]
pub(crate) struct FollowPositions(pub(crate) DriverIndex);

impl TelemetryFollower for FollowPositions {
    const NAME: &'static str = "follow_positions";
    type Follows = Position;

    /// Returns the index's time of silence, because it drops drivers who were silent for longer.
    fn reaches_back(&self) -> SignedDuration {
        self.0.silence()
    }

    fn take(&self, now: Timestamp, batch: &[Reading<Position>]) {
        self.0.note_all(batch.iter().map(|reading| &reading.value), now);
    }
}
