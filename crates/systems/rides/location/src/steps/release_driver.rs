//! The step `release_driver`, which completes a ride.

use ballet::{Never, Step, StepResult, Tx, done};
use rides_events::dispatch::RideCompleted;
use rides_events::location::DriverReleased;

use crate::store::work;

/// Frees the driver of a ride that is over.
#[derive(Debug)]
pub struct ReleaseDriver;

impl Step for ReleaseDriver {
    const NAME: &'static str = "release_driver";
    type On = RideCompleted;
    type Done = DriverReleased;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, ride: RideCompleted) -> StepResult<Self> {
        let (ride_id, driver_id, now) = (ride.ride_id, ride.driver_id, tx.now());
        work::release(tx.db(), ride_id, driver_id, now).await?;
        done(DriverReleased { ride_id, driver_id })
    }
}
