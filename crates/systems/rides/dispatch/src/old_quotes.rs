//! Deletes old quotes that led to no ride, and makes the ended rides of erased riders nobody's. Several replicas may do
//! so at once.

use std::time::Duration;

use ballet::{Failure, Handle};
use jiff::SignedDuration;
use rides_events::QuoteId;
use sqlx::types::Uuid;

use crate::store::{erasure, quote};

/// Quotes are valid for minutes. Until deletion, a late request learns that its quote is too old.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

const PAUSE: Duration = Duration::from_secs(60 * 60);

pub(crate) async fn run(handle: Handle) {
    let forget = async {
        let mut last = QuoteId(Uuid::nil());
        loop {
            // The next pass may succeed.
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

/// Deletes after `last`. Quotes that led to a ride stay, and only the first pass reads all of them.
async fn forget(handle: &Handle, last: &mut QuoteId) -> Result<(), Failure> {
    while let Some(next) = quote::forget(handle.db(), *last, handle.now() - KEPT).await? {
        *last = next;
    }
    Ok(())
}

/// Ended rides of erased riders become nobody's.
async fn erase(handle: &Handle) -> Result<(), Failure> {
    while erasure::rides(handle.db()).await? {}
    Ok(())
}
