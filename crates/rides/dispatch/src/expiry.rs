//! Ends offers that nobody answered in time. Each is ended under the lock of its saga, so several replicas may
//! look at the same time, and an answer that was committed first counts.

use std::time::Duration;

use ballet::{Failure, Handle, SagaId};
use rides_events::RideId;
use rides_events::dispatch::NotAccepted;

use crate::offer::State;
use crate::search::go_on;
use crate::store::{offer, ride};

/// The pause between two looks at what is due.
const PAUSE: Duration = Duration::from_millis(250);

/// Ends what is due, until the service stops.
pub(crate) async fn run(handle: Handle, most: u16) {
    loop {
        if let Err(failure) = end_due(&handle, most).await {
            // The offers are due still; the next look may succeed.
            tracing::debug!("the offers that are due could not be ended: {failure}");
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = handle.stopping() => return,
        }
    }
}

async fn end_due(handle: &Handle, most: u16) -> Result<(), Failure> {
    for ride_id in offer::due(handle.db(), handle.now()).await? {
        end(handle, ride_id, most).await?;
    }
    Ok(())
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
    if open.state != State::Open || open.expires_at > now {
        return Ok(());
    }
    let reason = if open.is_gone { NotAccepted::Offline } else { NotAccepted::Expired };
    go_on(&mut unit, &ride, &open, reason, most).await?;
    unit.commit().await
}
