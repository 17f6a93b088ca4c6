//! The step `offer_ride` and its compensation. It repeats in a ride, once for each driver who is asked.

use ballet::{
    Compensate, CompensateResult, Never, Step, StepResult, Tx, compensated, compensated_silently,
    done,
};
use jiff::SignedDuration;
use rides_events::dispatch::{OfferWithdrawn, RideOffered};
use rides_events::location::DriverReserved;

use crate::offer::OfferState;
use crate::store::{offer, ride};

/// Offers the ride to a driver, who has this time to look at it.
#[derive(Debug)]
pub struct OfferRide(pub SignedDuration);

impl Step for OfferRide {
    const NAME: &'static str = "offer_ride";
    type On = DriverReserved;
    type Done = RideOffered;
    type Refused = Never;

    fn key(reserved: &DriverReserved) -> Option<String> {
        Some(reserved.attempt.to_string())
    }

    async fn run(&self, tx: &mut Tx<'_>, reserved: DriverReserved) -> StepResult<Self> {
        let DriverReserved { ride_id, attempt, driver_id, .. } = reserved;
        let now = tx.now();
        let expires_at = now + self.0;
        let offered = RideOffered { ride_id, attempt, driver_id, expires_at };
        offer::open(tx.db(), &offered, now).await?;
        ride::offered(tx.db(), &offered, now).await?;
        done(offered)
    }
}

impl Compensate for OfferRide {
    type Compensated = OfferWithdrawn;

    async fn compensate(&self, tx: &mut Tx<'_>, offered: RideOffered) -> CompensateResult<Self> {
        let RideOffered { ride_id, attempt, driver_id, .. } = offered;
        let now = tx.now();
        let number = i16::try_from(attempt)?;
        if offer::end(tx.db(), ride_id, number, OfferState::Withdrawn, now).await? {
            compensated(OfferWithdrawn { ride_id, attempt, driver_id })
        } else {
            // The offer ended before: it was declined, or expired.
            compensated_silently()
        }
    }
}
