//! The end of a ride that is under way.

use ballet::{Failure, Look, Tx};
use jiff::SignedDuration;
use rides_events::RideId;
use rides_events::dispatch::RideCompleted;

use crate::offer::OfferState;
use crate::store::{offer, ride};
use crate::verifier::Verifier;

/// The interval between two looks. When the driver completes the ride, the watch looks at once.
const AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// The interval once the driver has said so, and is not seen there yet.
const SOON: SignedDuration = SignedDuration::from_secs(1);

pub(crate) async fn look(
    tx: &mut Tx<'_>,
    verifier: &Verifier,
) -> Result<Look<RideCompleted>, Failure> {
    let ride_id = tx.saga_id().map(|saga| RideId(saga.0));
    let ride_id = ride_id.ok_or_else(|| Failure::permanent("a watch without a saga"))?;
    let now = tx.now();
    let Some(ride) = ride::find(tx.db(), ride_id).await? else {
        return Ok(Look::Open(AGAIN));
    };
    let Some(end) = verifier.end(tx.db(), &ride, now).await? else {
        return Ok(Look::Open(if ride.arrived_at.is_some() { SOON } else { AGAIN }));
    };
    ride::complete(tx.db(), ride_id, &end, now).await?;
    if let Some(live) = offer::live(tx.db(), ride_id).await? {
        offer::end(tx.db(), ride_id, live.attempt, OfferState::Driven, now).await?;
    }
    let driver_id =
        ride.driver_id.ok_or_else(|| Failure::permanent("a ride was driven by nobody"))?;
    Ok(Look::Over(RideCompleted { ride_id, driver_id, fare: end.fare }))
}
