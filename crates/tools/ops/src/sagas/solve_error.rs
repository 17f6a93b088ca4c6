//! Why a compensation cannot be marked as solved by hand, or a call's outcome cannot be recorded.

use ballet_store::database::connection::is_lock_timeout;
use jiff::Timestamp;
use uuid::Uuid;

/// Why a compensation cannot be marked as solved by hand, or a call's outcome cannot be recorded. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SolveError {
    /// The service has no such step, or none of the wanted kind.
    #[error("{service} has no step `{step}` that {wanted}; it has: {known}")]
    NoStep {
        /// The service.
        service: String,
        /// The step.
        step: String,
        /// The required kind, as a predicate.
        wanted: &'static str,
        /// The steps of that kind.
        known: String,
    },
    /// The service has no rows of the saga.
    #[error("{service} has done nothing in saga {saga}: is the id right?")]
    UnknownSaga {
        /// The service.
        service: String,
        /// The saga.
        saga: Uuid,
    },
    /// The step has run for several keys.
    #[error("{step} has run for several keys: choose one with --key: {keys}")]
    SeveralKeys {
        /// The step.
        step: String,
        /// Its keys.
        keys: String,
    },
    /// The step has not taken effect.
    #[error("{step} has not taken effect in this saga, so there is nothing to compensate: {why}")]
    NotDone {
        /// The step.
        step: String,
        /// What is known about it, as a clause.
        why: String,
    },
    /// The step waits for no answer.
    #[error("{step} waits for no answer to its call in this saga: {why}")]
    NotCalling {
        /// The step.
        step: String,
        /// What is known about it, as a clause.
        why: String,
    },
    /// It is compensated.
    #[error("{step} is compensated since {at:.0}: {how}")]
    Compensated {
        /// The step.
        step: String,
        /// The time of the compensation.
        at: Timestamp,
        /// By whom, and why.
        how: String,
    },
    /// Nothing asks for the compensation.
    #[error(
        "{step} is not to be compensated: {service} has received no abort of this saga. Let the saga \
         end, or be aborted by its owner, {owner}"
    )]
    NotAborted {
        /// The service.
        service: String,
        /// The step.
        step: String,
        /// The service that owns the saga.
        owner: String,
    },
    /// Another step comes first.
    #[error("{later} comes first: steps are compensated in reverse order, and it {why}")]
    LaterFirst {
        /// The other step.
        later: String,
        /// What is known about it, as a clause.
        why: String,
    },
    /// The call has not failed.
    #[error("{call} has not failed so far: wait for its answer (ballet sagas show)")]
    NotFailing {
        /// The call, in words.
        call: String,
    },
    /// The other side works on it.
    #[error(
        "the other side has taken {request}, and may be carrying it out: wait for its outcome. If it \
         confirms that it will not carry out what it has under the key {key}, say so with --called-off"
    )]
    Taken {
        /// The request, in words.
        request: String,
        /// The key of the call.
        key: Uuid,
    },
    /// The service works on it.
    #[error(
        "{service} is {work} at this moment: try again in a minute, or stop the service's processes \
         first"
    )]
    Running {
        /// The service.
        service: String,
        /// Its work, as a participle.
        work: String,
    },
    /// The answer is no JSON.
    #[error("the answer is no JSON: {0}")]
    WrongAnswer(String),
    /// The event is missing or wrong.
    #[error("{0}")]
    WrongEvent(String),
    /// The database has an error.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Replaces a lock timeout, which shows that another process works on the saga.
pub(crate) fn in_use(error: sqlx::Error, running: SolveError) -> SolveError {
    if is_lock_timeout(&error) { running } else { SolveError::Database(error) }
}
