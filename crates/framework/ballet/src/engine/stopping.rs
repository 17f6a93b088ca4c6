//! How a task learns that the service stops.

use tokio::sync::watch;

/// Returns when the service stops, or has been dropped.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _stopped_or_gone = stopping.wait_for(|stopping| *stopping).await;
}
