//! The errors of a service that does not start.

use std::net::SocketAddr;
use std::time::Duration;

use ballet_core::Problem;

use crate::service::settings::error::SettingsError;

/// The reason why a service did not start. Temporary problems, such as a database or broker that is
/// not up yet, are waited for instead.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Settings are missing or wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The service's own declaration breaks rules of a sound choreography. Started, it would lose work.
    #[error("the declaration of {service} breaks {}", rules(.problems))]
    Declaration {
        /// The service's name.
        service: &'static str,
        /// The rules, and what breaks them.
        problems: Vec<Problem>,
    },
    /// The time limit of a step's calls is zero, or too long.
    #[error(
        "the step {step}: its CALL_TIME is {time:?}, but must be longer than zero and at most an hour"
    )]
    CallTime {
        /// The step's name.
        step: &'static str,
        /// Its `CALL_TIME`.
        time: Duration,
    },
    /// The database refuses access: the user is wrong, or a privilege is missing.
    #[error("the database{}", refusal(.0))]
    Database(sqlx::Error),
    /// The database's certificate is not trusted, or the database requires one of ours.
    #[error("the database: {0}")]
    DatabaseTls(String),
    /// Sessions are shared by a pooler. The lock that shows that this process is alive would belong
    /// to a shared session, and stay when the process is gone.
    #[error(
        "the database is behind a pooler that shares sessions between clients (transaction mode), \
         but ballet needs session locks; connect to the database itself, or to a pool in session \
         mode"
    )]
    Pooler,
    /// The database belongs to another running system: it is a copy, or the system has moved.
    #[error(
        "the database belongs to {whose}, and this process to {own}: it would make the other's open \
         calls, and publish its events. If the database is a copy, call `select ballet.adopt('NAME')` \
         in it, and set ENVIRONMENT to that name: what the original has begun is then removed. If the \
         system has moved, `delete from ballet.home` lets it go on here"
    )]
    Elsewhere {
        /// The system that the database belongs to.
        whose: String,
        /// The system that the process belongs to.
        own: String,
    },
    /// The address is in use, or listening is not permitted.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        error: std::io::Error,
    },
    /// The view of a shared entity is missing, or lacks a column.
    #[error(
        "the view {view} of the shared entity {entity} needs the columns id, version (bigint) and \
         state (jsonb): {error}"
    )]
    Source {
        /// The entity's name.
        entity: &'static str,
        /// The view's name.
        view: &'static str,
        /// The error of the database.
        error: sqlx::Error,
    },
    /// Making or merging the routes panicked: two of them answer the same path, mostly.
    #[error("the service's routes: {0}")]
    Routes(String),
    /// The tables cannot be created.
    #[error("the database's tables: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

/// Returns the server's message, and advice if it refuses the login. Error lines refer to the server's source.
fn refusal(error: &sqlx::Error) -> String {
    let Some(refused) = error.as_database_error() else { return format!(": {error}") };
    let why = refused.message();
    if refused.code().is_some_and(|code| code.starts_with("28")) {
        return format!(
            " refuses the login: {why}. Set user and password in its URL (DATABASE_URL, or the file of \
             DATABASE_URL_FILE) and start again"
        );
    }
    format!(": {why}")
}

fn rules(problems: &[Problem]) -> String {
    match problems {
        [problem] => format!("a rule: {problem}"),
        several => several.iter().fold(format!("{} rules:", several.len()), |said, problem| {
            format!("{said}\n  {problem}")
        }),
    }
}
