//! The ride's row, which decides how the saga ends.

use ballet::{Failure, Owner, Tx};
use rides_events::RideDispatch;
use rides_events::dispatch::RideCancelled;

use crate::store::ride;

/// The owner of the saga. The first change committed to the ride's row wins.
#[derive(Debug)]
pub struct RideRow;

impl Owner for RideRow {
    type Saga = RideDispatch;

    async fn abort(&self, tx: &mut Tx<'_>, cancelled: &RideCancelled) -> Result<(), Failure> {
        let now = tx.now();
        if ride::cancel(tx.db(), cancelled, now).await? {
            return Ok(());
        }
        // The decision is about to be made, and then it is too late to abort.
        let ride_id = cancelled.ride_id;
        Err(Failure::not_yet(format!("the rider of {ride_id} is in the car")))
    }
}
