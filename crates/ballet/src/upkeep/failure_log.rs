//! The log lines of upkeep when it fails.

use crate::declare::handler::failure::{Failure, FailureKind};

/// Says what waits because of a failure. That the database is away is said once, by the task that notices
/// first, so what fails because of that is not said again every few seconds.
pub(crate) fn waits(what: &str, failure: &Failure) {
    if failure.kind() == FailureKind::ConnectionLost {
        tracing::debug!("{what}: {failure}");
    } else {
        tracing::warn!("{what}: {failure}");
    }
}
