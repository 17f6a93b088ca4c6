//! Ends offers that nobody answered in time. Each is ended under its saga's lock, so several replicas may look, and
//! an answer that was committed first counts.

use std::time::Duration;

use ballet::{Failure, Handle, SagaId};
use rides_events::RideId;
use rides_events::dispatch::NotAccepted;

use crate::offer::OfferState;
use crate::search::continue_search;
use crate::store::{offer, ride};

const PAUSE: Duration = Duration::from_millis(250);
/// The pause after an offer that could not be ended.
const AGAIN: Duration = Duration::from_secs(5);

pub(crate) async fn run(handle: Handle, most: u16) {
    loop {
        let pause = match end_due(&handle, most).await {
            Ok(()) => PAUSE,
            Err(failure) => {
                tracing::warn!("offers are due and cannot be ended, again in {AGAIN:?}: {failure}");
                AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = handle.stopping() => return,
        }
    }
}

/// An offer that cannot be ended does not keep the others.
async fn end_due(handle: &Handle, most: u16) -> Result<(), Failure> {
    let mut ended = Ok(());
    for ride_id in offer::due(handle.db(), handle.now()).await? {
        ended = end(handle, ride_id, most).await.and(ended);
    }
    ended
}

async fn end(handle: &Handle, ride_id: RideId, most: u16) -> Result<(), Failure> {
    let mut unit = handle.saga_unit(SagaId(ride_id.0)).await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let (Some(ride), Some(open)) =
        (ride::find(tx.db(), ride_id).await?, offer::live(tx.db(), ride_id).await?)
    else {
        return Ok(());
    };
    if open.state != OfferState::Open || open.expires_at > now {
        return Ok(());
    }
    let reason = if open.is_gone { NotAccepted::Offline } else { NotAccepted::Expired };
    continue_search(&mut unit, &ride, &open, reason, most).await?;
    unit.commit().await
}
