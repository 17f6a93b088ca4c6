//! What the owner of a consumer wants it to do.

use std::time::Duration;

use tokio::sync::watch;

/// What the owner wants the consumer to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Run,
    Pause,
    Stop { drain: Duration },
}

/// Returns when the owner wants something else, or is gone.
pub(super) async fn changed(wish: &mut watch::Receiver<Wish>) {
    // An error says that the handle is dropped, which the supervisor asks for again.
    wish.changed().await.ok();
}
