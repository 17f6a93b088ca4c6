//! Deletes old quotes that led to no ride, and whose rides were of riders who are erased. Several replicas may do so at
//! the same time.

use std::time::Duration;

use ballet::{Failure, Handle};
use jiff::SignedDuration;
use rides_events::QuoteId;
use sqlx::types::Uuid;

use crate::store::{erasure, quote};

/// The time for which quotes are kept. They are valid for minutes. Until they are deleted, a late request is told that
/// its quote is too old.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The pause between two passes.
const PAUSE: Duration = Duration::from_secs(60 * 60);

/// Deletes old quotes until the service stops.
pub(crate) async fn run(handle: Handle) {
    let forget = async {
        let mut last = QuoteId(Uuid::nil());
        loop {
            // What is left is still there; the next pass may succeed.
            if let Err(failure) = forget(&handle, &mut last).await {
                tracing::debug!("old quotes could not be forgotten: {failure}");
            }
            if let Err(failure) = erase(&handle).await {
                tracing::warn!("rides of erased riders still have their riders: {failure}");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = forget => {}
        () = handle.stopping() => {}
    }
}

/// Deletes the quotes that are old by now, beginning after `last`. Quotes that led to a ride stay, and only the first
/// pass reads all of them.
async fn forget(handle: &Handle, last: &mut QuoteId) -> Result<(), Failure> {
    while let Some(next) = quote::forget(handle.db(), *last, handle.now() - KEPT).await? {
        *last = next;
    }
    Ok(())
}

/// Makes the rides of erased riders nobody's, once they are over.
async fn erase(handle: &Handle) -> Result<(), Failure> {
    while erasure::rides(handle.db()).await? {}
    Ok(())
}
