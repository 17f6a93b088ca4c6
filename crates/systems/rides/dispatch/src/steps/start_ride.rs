//! The step `start_ride`, which decides the saga.

use ballet::{Never, Step, StepResult, Tx, done};
use rides_events::dispatch::{RideStarted, RiderPickedUp};

use crate::store::ride;

/// Records that the rider is in the car. From then on the saga is never aborted.
#[derive(Debug)]
pub struct StartRide;

impl Step for StartRide {
    const NAME: &'static str = "start_ride";
    type On = RiderPickedUp;
    type Done = RideStarted;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, picked_up: RiderPickedUp) -> StepResult<Self> {
        let RiderPickedUp { ride_id, driver_id } = picked_up;
        let started_at = tx.now();
        ride::start(tx.db(), ride_id, started_at).await?;
        done(RideStarted { ride_id, driver_id, started_at })
    }
}
