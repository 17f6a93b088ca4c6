//! The request of the owner to the consumer: run, pause or stop.

use std::time::Duration;

use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConsumerWish {
    Run,
    Pause,
    Stop { drain: Duration },
}

pub(super) async fn changed(wish: &mut watch::Receiver<ConsumerWish>) {
    // An error means that the handle was dropped. The supervisor checks for that itself.
    wish.changed().await.ok();
}
