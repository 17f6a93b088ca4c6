//! The log lines of upkeep when it fails.

use crate::declare::handler::failure::{Failure, FailureKind};
use crate::engine::database::Database;

/// Logs what waits because of a failure, and notes a database that does not answer.
pub(crate) fn waits_for(database: &Database, what: &str, failure: &Failure) {
    if failure.kind() == FailureKind::ConnectionLost {
        database.is_away(failure);
    }
    waits(what, failure);
}

/// Logs what waits because of a failure. The first task that notices an outage of the database logs
/// it, so later failures are only debug lines.
pub(crate) fn waits(what: &str, failure: &Failure) {
    if failure.kind() == FailureKind::ConnectionLost {
        tracing::debug!("{what}: {failure}");
    } else {
        tracing::warn!("{what}: {failure}");
    }
}
