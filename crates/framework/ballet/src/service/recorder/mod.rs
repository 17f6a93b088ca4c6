//! The recorder of the process's metrics.

#[cfg(not(feature = "prometheus"))]
mod absent;
#[cfg(feature = "prometheus")]
mod prometheus;

use std::time::Duration;

use tokio::sync::watch;

use crate::engine::stopping::stopped;
#[cfg(not(feature = "prometheus"))]
use crate::service::recorder::absent as kept;
#[cfg(feature = "prometheus")]
use crate::service::recorder::prometheus as kept;

/// Installs the recorder of metrics, unless the program has one of its own.
pub(super) fn install() {
    kept::install();
}

/// The text of `/metrics`: empty if the program has a recorder of its own, which shows it elsewhere.
pub(super) fn rendered() -> String {
    kept::rendered()
}

/// Moves recorded samples into the buckets regularly. Otherwise unread samples would fill the
/// memory.
pub(super) async fn upkeep(mut stopping: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
            () = stopped(&mut stopping) => return,
        }
        kept::run_upkeep();
    }
}
