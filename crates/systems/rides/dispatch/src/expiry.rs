//! Ends offers that nobody answered in time. Each is ended under its saga's lock, so several replicas may look, and
//! an answer that was committed first counts.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ballet::{Failure, FailureKind, Handle, SagaId};
use rides_events::RideId;
use rides_events::dispatch::NotAccepted;

use crate::offer::OfferState;
use crate::search::continue_search;
use crate::store::{offer, ride};

const PAUSE: Duration = Duration::from_millis(250);

/// The delay before an offer that could not be ended is tried again.
const AGAIN: Duration = Duration::from_secs(5);

pub(crate) async fn run(handle: Handle, most: u16) {
    let mut put_off = HashMap::new();
    loop {
        if let Err(failure) = end_due(&handle, most, &mut put_off).await {
            // The offers are still due.
            tracing::debug!("the offers that are due could not be ended: {failure}");
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = handle.stopping() => return,
        }
    }
}

/// An offer that cannot be ended is put off, so that it does not hold up the others.
async fn end_due(
    handle: &Handle,
    most: u16,
    put_off: &mut HashMap<RideId, Instant>,
) -> Result<(), Failure> {
    put_off.retain(|_, since| since.elapsed() < AGAIN);
    let others: Vec<RideId> = put_off.keys().copied().collect();
    let (mut failed, mut looked) = (Vec::new(), Ok(()));
    for ride_id in offer::due(handle.db(), handle.now(), &others).await? {
        let Err(failure) = end(handle, ride_id, most).await else { continue };
        failed.push(ride_id);
        if failure.kind() == FailureKind::ConnectionLost {
            looked = Err(failure);
            break;
        }
        tracing::warn!(
            saga = %ride_id,
            "the offer of a ride is due and cannot be ended; trying again in {AGAIN:?}: {failure}"
        );
    }
    let now = Instant::now();
    put_off.extend(failed.into_iter().map(|ride_id| (ride_id, now)));
    looked
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
