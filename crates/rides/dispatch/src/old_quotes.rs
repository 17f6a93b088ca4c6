//! Forgets the quotes by which nobody rode. Several replicas may do so at the same time.

use std::time::Duration;

use ballet::{Failure, Handle};
use jiff::SignedDuration;
use rides_events::QuoteId;
use sqlx::types::Uuid;

use crate::store::quote;

/// How long they are kept. They count for minutes, and until then whoever comes late is told that they are too old.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(60 * 60);

/// Forgets old quotes until the service stops.
pub(crate) async fn run(handle: Handle) {
    let forget = async {
        let mut last = QuoteId(Uuid::nil());
        loop {
            if let Err(failure) = forget(&handle, &mut last).await {
                // They are there still; the next look may succeed.
                tracing::debug!("old quotes could not be forgotten: {failure}");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = forget => {}
        () = handle.stopping() => {}
    }
}

/// Forgets what is old by now, from the last that was forgotten on: quotes by which somebody rode stay, and only the
/// first look passes all of them.
async fn forget(handle: &Handle, last: &mut QuoteId) -> Result<(), Failure> {
    while let Some(next) = quote::forget(handle.db(), *last, handle.now() - KEPT).await? {
        *last = next;
    }
    Ok(())
}
