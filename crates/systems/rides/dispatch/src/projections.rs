//! Reacts to drivers who go offline while an offer to them is open.

use ballet::{Failure, Projection, Tx};
use rides_events::location::DriverOffline;

use crate::store::offer;

/// Makes the driver's open offer due at once. The task that ends due offers then ends it in its saga.
#[derive(Debug)]
pub(crate) struct EndOffer;

impl Projection for EndOffer {
    const NAME: &'static str = "end_offer";
    type On = DriverOffline;

    async fn apply(&self, tx: &mut Tx<'_>, gone: DriverOffline) -> Result<(), Failure> {
        let Some(ride_id) = gone.ride_id else { return Ok(()) };
        let now = tx.now();
        offer::make_due(tx.db(), ride_id, gone.driver_id, now).await
    }
}
