//! Failures: technical troubles. A business "no" is not one of them, it is an event.

use std::error::Error;
use std::fmt;

/// What a handler answers when it cannot do its work for a technical reason.
///
/// Any error becomes one by `?`, and is tried again a few times; stopping at once needs the
/// explicit word [`Failure::permanent`].
pub struct Failure {
    kind: FailureKind,
    error: Box<dyn Error + Send + Sync>,
}

/// What is to be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Try again; after a few times it becomes a dead letter.
    Transient,
    /// Trying again is of no use.
    Permanent,
    /// The event came before another one that it builds on: try again later.
    NotYet,
    /// Two transactions were in each other's way: nobody's failure, the batch runs again.
    Conflict,
    /// The database is away, or in no state to work: nobody's failure either.
    ConnectionLost,
}

impl Failure {
    /// A failure that no further attempt can cure.
    #[must_use]
    pub fn permanent(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: FailureKind::Permanent, error: error.into() }
    }

    /// A failure that another attempt may cure.
    #[must_use]
    pub fn transient(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: FailureKind::Transient, error: error.into() }
    }

    /// An event has overtaken the one that it builds on. It is tried again after 5 seconds, 30
    /// seconds, and every 5 minutes; after an hour it is a dead letter with the reason `not_yet`.
    #[must_use]
    pub fn not_yet(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: FailureKind::NotYet, error: error.into() }
    }

    /// What is to be done about it.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let kind = database_error(&error).map_or(FailureKind::Transient, kind_of_database_error);
        Self { kind, error: Box::new(error) }
    }
}

/// The database's error that this one is, or is caused by.
fn database_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a sqlx::Error> {
    let mut error = Some(error);
    while let Some(this) = error {
        if let Some(found) = this.downcast_ref::<sqlx::Error>() {
            return Some(found);
        }
        // An I/O error hides what it was made of from `source`.
        error = match this.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => this.source(),
        };
    }
    None
}

/// Classes of errors that say that the server, not the statement, is in trouble: connections,
/// authorisation (a rotated password), resources, shutdown and crash, its system, its innards.
const SERVER_TROUBLE: [&str; 6] = ["08", "28", "53", "57P", "58", "XX"];

/// Whether the server is away, or takes no writes for now: that passes by itself, unlike a refusal,
/// a missing file or a fault inside of it, which may be due to what it was asked for.
pub(crate) fn server_is_away(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    let asked_wrongly = |code: &str| ["28", "58", "XX"].iter().any(|class| code.starts_with(class));
    kind_of_database_error(error) == FailureKind::ConnectionLost
        && !code.is_some_and(|code| asked_wrongly(&code))
}

fn kind_of_database_error(error: &sqlx::Error) -> FailureKind {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => FailureKind::ConnectionLost,
        sqlx::Error::Database(error) => match error.code().as_deref() {
            // serialization_failure, deadlock_detected, lock_not_available
            Some("40001" | "40P01" | "55P03") => FailureKind::Conflict,
            // read_only_sql_transaction (a server after a fail-over), idle_in_transaction_timeout
            Some("25006" | "25P03") => FailureKind::ConnectionLost,
            Some(code) if SERVER_TROUBLE.iter().any(|class| code.starts_with(class)) => {
                FailureKind::ConnectionLost
            }
            Some(_) | None => FailureKind::Transient,
        },
        _ => FailureKind::Transient,
    }
}

/// The name of the constraint that a statement broke, if it broke one. Named constraints are how a
/// service turns what its tables forbid into a refusal.
#[must_use]
pub fn broken_constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error()?.constraint()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.error.to_string();
        let mut cause = self.error.source();
        while let Some(error) = cause {
            let words = error.to_string();
            // Some errors repeat what caused them.
            if !said.contains(&words) {
                said = format!("{said}: {words}");
            }
            cause = error.source();
        }
        f.write_str(&said)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} failure: {self}", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_error_is_tried_again_and_stopping_needs_a_word() {
        let fails = || -> Result<(), Failure> { Ok("x".parse::<u8>().map(|_| ())?) };
        assert_eq!(fails().expect_err("no number").kind(), FailureKind::Transient);
        assert_eq!(Failure::permanent("a bug").kind(), FailureKind::Permanent);
    }

    #[test]
    fn a_database_error_is_found_behind_the_errors_of_others() {
        let lost = sqlx::Error::Io(std::io::Error::other("gone"));
        let wrapped = std::io::Error::other(lost);
        assert_eq!(Failure::from(wrapped).kind(), FailureKind::ConnectionLost);
    }

    #[test]
    fn a_lost_connection_is_nobodys_failure() {
        let lost = sqlx::Error::Io(std::io::Error::other("gone"));
        assert_eq!(Failure::from(lost).kind(), FailureKind::ConnectionLost);
    }
}
