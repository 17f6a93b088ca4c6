//! The continued search for a driver after an offer that was not accepted.

use ballet::{Failure, Unit};
use rides_events::RideDispatch;
use rides_events::dispatch::{DriverWanted, NotAccepted, OfferEnded};

use crate::cancel;
use crate::offer::Offer;
use crate::ride::Ride;
use crate::store::{offer, ride};

/// Ends an open offer. Then searches for the next driver, or cancels the ride after the last. The caller holds the
/// saga's lock.
pub(crate) async fn continue_search(
    unit: &mut Unit,
    ride: &Ride,
    ended: &Offer,
    reason: NotAccepted,
    most: u16,
) -> Result<(), Failure> {
    let mut tx = unit.tx();
    let now = tx.now();
    offer::end(tx.db(), ended.ride_id, ended.attempt, reason.into(), now).await?;
    let Offer { ride_id, driver_id, .. } = *ended;
    let attempt = u16::try_from(ended.attempt)?;
    if attempt >= most {
        // The abort undoes the reservation and all other steps.
        unit.abort::<RideDispatch>(cancel::unfulfilled(ride_id, attempt)).await?;
        return Ok(());
    }
    ride::search_on(tx.db(), ride_id, driver_id, now).await?;
    tx.publish(&OfferEnded { ride_id, attempt, driver_id, reason }).await?;
    let mut not = ride.asked.clone();
    not.push(driver_id);
    tx.publish(&DriverWanted {
        ride_id,
        attempt: attempt + 1,
        rider_id: ride.quote.rider_id,
        pickup: ride.quote.pickup,
        not,
    })
    .await
}
