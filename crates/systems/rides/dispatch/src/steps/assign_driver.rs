//! The step `assign_driver` and its compensation.

use ballet::{Compensate, CompensateResult, Never, Step, StepResult, Tx, compensated, done};
use rides_events::dispatch::{DriverAssigned, DriverUnassigned, OfferAccepted};

use crate::store::ride;

/// Assigns the driver who accepted to the ride.
#[derive(Debug)]
pub struct AssignDriver;

impl Step for AssignDriver {
    const NAME: &'static str = "assign_driver";
    type On = OfferAccepted;
    type Done = DriverAssigned;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, accepted: OfferAccepted) -> StepResult<Self> {
        let OfferAccepted { ride_id, driver_id, .. } = accepted;
        let now = tx.now();
        ride::assign(tx.db(), ride_id, now).await?;
        done(DriverAssigned { ride_id, driver_id })
    }
}

impl Compensate for AssignDriver {
    type Compensated = DriverUnassigned;

    async fn compensate(&self, _: &mut Tx<'_>, assigned: DriverAssigned) -> CompensateResult<Self> {
        // The ride's row is cancelled, and still names the driver who was on the way.
        let DriverAssigned { ride_id, driver_id } = assigned;
        compensated(DriverUnassigned { ride_id, driver_id })
    }
}
