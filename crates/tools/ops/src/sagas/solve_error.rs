//! Why a person's act on a saga is refused.

use std::time::Duration;

use ballet_store::database::connection::is_lock_timeout;
use uuid::Uuid;

/// The time between two checks for the end of a running attempt.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Why a saga cannot be stopped, a compensation not be marked as solved, or a call's outcome not be recorded. Nothing was
/// changed.
#[derive(Debug, thiserror::Error)]
pub enum SolveError {
    /// The ledger does not allow it: a sentence that says why, and what to do.
    #[error("{0}")]
    Refused(String),
    /// The service works on it at this moment, as the sentence says.
    #[error("{0}: try again in a minute, or stop the service's processes first")]
    Running(String),
    /// The database has an error.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Makes a refusal.
pub(crate) fn refused(why: impl Into<String>) -> SolveError {
    SolveError::Refused(why.into())
}

pub(crate) fn not_calling(step: &str, why: &str) -> SolveError {
    refused(format!("{step} waits for no answer to its call in this saga: {why}"))
}

pub(crate) fn not_failing(call: &str) -> SolveError {
    refused(format!("{call} has not failed so far: wait for its answer (ballet sagas show)"))
}

/// The other side works on a request, which is named by the key of its call.
pub(crate) fn taken(request: &str, key: Uuid) -> SolveError {
    refused(format!(
        "the other side has taken {request}, and may be carrying it out: wait for its outcome. If it confirms that \
         it will not carry out what it has under the key {key}, say so with --called-off"
    ))
}

/// Replaces a lock timeout, which shows that another process works on the saga.
pub(crate) fn in_use(error: sqlx::Error, running: SolveError) -> SolveError {
    if is_lock_timeout(&error) { running } else { SolveError::Database(error) }
}
