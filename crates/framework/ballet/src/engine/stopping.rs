//! How a task learns that the service stops.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _stopped_or_gone = stopping.wait_for(|stopping| *stopping).await;
}

/// Returns true after this time, or false as soon as the service stops.
pub(crate) async fn waited(stopping: &mut watch::Receiver<bool>, time: Duration) -> bool {
    tokio::select! {
        () = sleep(time) => true,
        () = stopped(stopping) => false,
    }
}
