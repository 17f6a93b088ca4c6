//! Notes that a rider is in the car.

use ballet::{Failure, Projection, Tx};
use rides_events::dispatch::RideStarted;

use crate::store::work;

/// The driver rides. If the ride is over by the time this is known, nothing changes.
#[derive(Debug)]
pub(crate) struct NoteRide;

impl Projection for NoteRide {
    const NAME: &'static str = "note_ride";
    type On = RideStarted;

    async fn apply(&self, tx: &mut Tx<'_>, started: RideStarted) -> Result<(), Failure> {
        work::ride(tx.db(), started.ride_id).await
    }
}
