//! Notes that a driver who is asked went offline: there is nobody to wait for.

use ballet::{Failure, Projection, Tx};
use rides_events::location::DriverOffline;

use crate::store::offer;

/// The driver's open offer ends at once. It is ended in its saga, by what ends offers that are due.
#[derive(Debug)]
pub(crate) struct EndOffer;

impl Projection for EndOffer {
    const NAME: &'static str = "end_offer";
    type On = DriverOffline;

    async fn apply(&self, tx: &mut Tx<'_>, gone: DriverOffline) -> Result<(), Failure> {
        let Some(ride_id) = gone.ride_id else { return Ok(()) };
        let now = tx.now();
        offer::gone(tx.db(), ride_id, gone.driver_id, now).await
    }
}
