//! Records that a rider is in the car.

use ballet::{Failure, Projection, Tx};
use rides_events::dispatch::RideStarted;

use crate::store::work;

/// Records that the driver has a rider. Nothing changes if the ride is over by then.
#[derive(Debug)]
pub(crate) struct NoteRide;

impl Projection for NoteRide {
    const NAME: &'static str = "note_ride";
    type On = RideStarted;

    async fn apply(&self, tx: &mut Tx<'_>, started: RideStarted) -> Result<(), Failure> {
        work::ride(tx.db(), started.ride_id).await
    }
}
