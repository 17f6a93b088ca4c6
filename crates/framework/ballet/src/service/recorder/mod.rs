//! The recorder of the process's metrics.

#[cfg(not(feature = "prometheus"))]
mod absent;
#[cfg(feature = "prometheus")]
mod prometheus;

use std::time::Duration;

use tokio::sync::watch;

use crate::engine::stopping::waited;
#[cfg(not(feature = "prometheus"))]
use crate::service::recorder::absent as kept;
#[cfg(feature = "prometheus")]
use crate::service::recorder::prometheus as kept;

pub(super) use kept::{install, rendered};

/// Moves recorded samples into the buckets regularly. Otherwise unread samples would fill the
/// memory.
pub(super) async fn upkeep(mut stopping: watch::Receiver<bool>) {
    while waited(&mut stopping, Duration::from_secs(5)).await {
        kept::run_upkeep();
    }
}
