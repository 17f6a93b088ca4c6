//! The end of a service, as its tasks see it.

use tokio::sync::watch;

/// Returns when the service stops, or is gone.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _stopped_or_gone = stopping.wait_for(|stopping| *stopping).await;
}
