//! Technical failures. A business "no" is an event, not a failure.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use ballet_store::database::connection::{is_lock_timeout, sql_state};
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

/// The error of a handler that cannot do its work for a technical reason.
///
/// `?` converts any error to a failure that is retried a few times. To stop at once, return
/// [`Failure::permanent`].
pub struct Failure {
    kind: FailureKind,
    error: Box<dyn Error + Send + Sync>,
    again_after: Option<Duration>,
    /// Whether a commit was lost, so that nobody knows whether it took effect.
    in_doubt: bool,
}

/// How the framework handles a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Retried a few times; then the message becomes a dead letter.
    Transient,
    /// Not retried: the message becomes a dead letter at once.
    Permanent,
    /// The event arrived before another one that it depends on; retried later.
    NotYet,
    /// Two transactions were in conflict. The batch runs again, and no attempt is counted. A message
    /// that is in conflict again and again waits in the retry queues, and after about an hour this is
    /// [`Transient`](Self::Transient).
    Conflict,
    /// The database may be away, or unable to work. If it is, no attempt is counted. If it happens to
    /// the same message three times in a row, and the database works all the same, this is
    /// [`Transient`](Self::Transient). If the database was away and came back each time, it is a
    /// [`Conflict`](Self::Conflict).
    ConnectionLost,
}

impl Failure {
    fn of(kind: FailureKind, error: Box<dyn Error + Send + Sync>) -> Self {
        Self { kind, error, again_after: None, in_doubt: false }
    }

    /// Creates a failure that a retry cannot fix.
    #[must_use]
    pub fn permanent(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::of(FailureKind::Permanent, error.into())
    }

    /// Creates a failure that a retry may fix.
    #[must_use]
    pub fn transient(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::of(FailureKind::Transient, error.into())
    }

    /// Creates a failure for an event that has overtaken the one it depends on. The event is
    /// retried after 5 seconds, after 30 seconds and then every 5 minutes. After an hour it becomes
    /// a dead letter with the reason `not_yet`.
    ///
    /// For a call to the outside it means that the other side answers, but has no outcome yet. The call
    /// is made again after a minute, or after [`again_after`](Self::again_after), and is not listed as
    /// stuck.
    #[must_use]
    pub fn not_yet(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::of(FailureKind::NotYet, error.into())
    }

    /// Says how long to wait until a call to the outside is made again, as the other side asks for:
    /// at most five minutes, and an hour for [`not_yet`](Self::not_yet). The failures of messages have
    /// their own delays.
    #[must_use]
    pub fn again_after(mut self, pause: Duration) -> Self {
        self.again_after = Some(pause);
        self
    }

    /// If the connection was lost at a commit, nobody knows whether it took effect.
    pub(crate) fn of_commit(mut self) -> Self {
        self.in_doubt = self.kind == FailureKind::ConnectionLost;
        self
    }

    pub(crate) const fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Returns the pause that the other side of a call asks for.
    pub(crate) const fn pause(&self) -> Option<Duration> {
        self.again_after
    }

    /// Returns true if a lock was not free (lock_not_available): in time, or at once for
    /// a statement with `nowait`.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        database_error(&*self.error).is_some_and(is_lock_timeout)
    }

    /// Returns true if a prepared statement has another result than when it was prepared, because
    /// a table was altered. It fails on this connection until it is prepared again.
    pub(crate) fn is_stale_statement(&self) -> bool {
        database_error(&*self.error).is_some_and(is_stale_statement)
    }

    /// Returns true if a statement does not fit the database as it is written: an unknown table or column, a wrong type.
    pub(crate) fn is_wrong_statement(&self) -> bool {
        match database_error(&*self.error) {
            // Syntax error or access rule violation, but for insufficient_privilege.
            Some(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code.starts_with("42") && code != "42501")
            }
            Some(sqlx::Error::ColumnDecode { source, .. }) => {
                source.to_string().starts_with("mismatched types")
            }
            Some(error) => {
                matches!(error, sqlx::Error::ColumnNotFound(_) | sqlx::Error::TypeNotFound { .. })
            }
            None => false,
        }
    }

    pub(crate) fn is_missing_partition(&self) -> bool {
        database_error(&*self.error).is_some_and(is_missing_partition)
    }

    /// Returns the kind of failure, which decides how it is handled.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }
}

const AWAY: &str = "the database is away";

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let found = database_error(&error);
        let kind = found.map_or(FailureKind::Transient, kind_of_database_error);
        // What the place says that pools connect to meanwhile.
        let is_away =
            matches!(found, Some(sqlx::Error::Io(io)) if io.kind() == ErrorKind::NotADirectory);
        if is_away { Self::of(kind, AWAY.into()) } else { Self::of(kind, Box::new(error)) }
    }
}

fn database_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a sqlx::Error> {
    let mut error = Some(error);
    while let Some(this) = error {
        if let Some(found) = this.downcast_ref::<sqlx::Error>() {
            return Some(found);
        }
        // `source` of an I/O error skips the error that it wraps.
        error = match this.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => this.source(),
        };
    }
    None
}

/// sqlx adds the line at which the server's own code reports the error. It reads like one of the statement.
fn without_line(text: &str, error: &(dyn Error + 'static)) -> String {
    let error = database_error(error).and_then(|error| error.as_database_error());
    let line = error.and_then(|error| error.try_downcast_ref::<PgDatabaseError>()?.line());
    line.map_or_else(|| text.to_owned(), |line| text.replace(&format!(" at line {line}"), ""))
}

/// Classes of errors for which the server may be to blame, not the statement: connections,
/// authorisation (a rotated password), resources, shutdown and crash, system errors, internal
/// errors. A statement can cause each of them as well.
const SERVER_TROUBLE: [&str; 6] = ["08", "28", "53", "57P", "58", "XX"];

/// Returns true if the server is away or accepts no writes for now, which ends by itself. A refused
/// login, a system error or an internal error may be caused by the request, so they do not count.
pub(crate) fn server_is_away(error: &sqlx::Error) -> bool {
    let request_may_be_wrong =
        |code: &str| ["28", "58", "XX"].iter().any(|class| code.starts_with(class));
    kind_of_database_error(error) == FailureKind::ConnectionLost
        && !sql_state(error).is_some_and(|code| request_may_be_wrong(&code))
}

/// check_violation without a constraint is what Postgres answers if no partition takes a row.
fn is_missing_partition(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|it| it.try_downcast_ref::<PgDatabaseError>());
    error.is_some_and(|error| {
        error.code() == "23514" && error.constraint().is_none() && error.schema() == Some("ballet")
    })
}

fn kind_of_database_error(error: &sqlx::Error) -> FailureKind {
    if is_missing_partition(error) {
        // It is made before the batch runs again.
        return FailureKind::Conflict;
    }
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
            // feature_not_supported
            Some("0A000") if is_stale_statement_error(&**error) => FailureKind::ConnectionLost,
            Some(code) if SERVER_TROUBLE.iter().any(|class| code.starts_with(class)) => {
                FailureKind::ConnectionLost
            }
            Some(_) | None => FailureKind::Transient,
        },
        _ => FailureKind::Transient,
    }
}

fn is_stale_statement(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(is_stale_statement_error)
}

/// "cached plan must not change result type". The words depend on the server's language; the
/// function that reports it does not.
fn is_stale_statement_error(error: &dyn DatabaseError) -> bool {
    let error = error.try_downcast_ref::<PgDatabaseError>();
    error.is_some_and(|error| {
        error.code() == "0A000" && error.routine() == Some("RevalidateCachedQuery")
    })
}

/// Returns the name of the constraint that a statement violated, if any. A service uses named
/// constraints to turn a violation into a refusal.
#[must_use]
pub fn broken_constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error()?.constraint()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.error.to_string();
        let mut cause = self.error.source();
        while let Some(error) = cause {
            let cause_text = error.to_string();
            // Some errors repeat the text of their source.
            if !text.contains(&cause_text) {
                text = format!("{text}: {cause_text}");
            }
            cause = error.source();
        }
        f.write_str(&without_line(&text, &*self.error))
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
