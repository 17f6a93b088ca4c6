//! The error of this crate.

use std::path::PathBuf;
use std::time::Duration;

/// An error of test servers. It says what failed, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No server could be found or brought up.
    #[error("there is no usable {server}: {}. {advice}", .tried.join("; "))]
    NoServer { server: &'static str, tried: Vec<String>, advice: &'static str },

    /// The server is older than ballet supports.
    #[error("{server} {found} at {place} is too old: ballet needs {need} or newer; {advice}")]
    TooOld {
        server: &'static str,
        found: String,
        need: String,
        place: String,
        advice: &'static str,
    },

    /// The value of a setting cannot be used.
    #[error("{name} is {value}: {expected}")]
    Setting { name: &'static str, value: String, expected: String },

    /// A private server did not become ready.
    #[error("{server} did not start: {cause}; its log is {}:\n{tail}", .log.display())]
    StartFailed { server: &'static str, cause: String, log: PathBuf, tail: String },

    /// A server does not answer, or answers with an error.
    #[error("{what} at {place} failed: {cause}; {advice}")]
    Server { what: String, place: String, cause: String, advice: &'static str },

    /// RabbitMQ's management API gives no answer.
    #[error(transparent)]
    Management(#[from] ballet_amqp::ManagementError),

    /// A server that the environment names cannot be used.
    #[error("{name} names a server that cannot be used: {why}")]
    Named { name: &'static str, why: Box<Self> },

    /// A fault was requested for a server that is not ours.
    #[error("cannot {action} {server}, because the environment names it; use `Servers::private`")]
    NotPrivate { server: &'static str, action: &'static str },

    /// The private server is in a state in which this is not possible.
    #[error("cannot {action} {server}: {why}")]
    WrongState { server: &'static str, action: &'static str, why: &'static str },

    /// No test environment can be made from the definitions.
    #[error("no test environment can be made from these definitions: {0}")]
    Definitions(String),

    /// The machine refused a file, a process or a port.
    #[error("cannot {what}: {source}")]
    Machine { what: String, source: std::io::Error },

    /// A service in a process of its own does not serve.
    #[error("the service did not start: {state}; what it wrote to stderr says why")]
    NotServing { state: String },

    /// A service's program has ended, or is not ready.
    #[error("{service} {state}; its log is {}\n{tail}", .log.display())]
    Service { service: &'static str, state: String, log: PathBuf, tail: String },

    /// [`wait_until`](crate::wait_until) gave up.
    #[error("waited {limit:?} for {what}; last seen: {last}")]
    Expired { what: String, limit: Duration, last: String },

    /// The shared servers of this process are unavailable.
    #[error("{0}")]
    Shared(&'static Self),

    /// Both servers failed.
    #[error("{0}\n{1}")]
    Both(Box<Self>, Box<Self>),
}

/// The result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Names the failed action in an I/O error.
pub(crate) fn machine(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    let what = what.into();
    move |source| Error::Machine { what, source }
}
