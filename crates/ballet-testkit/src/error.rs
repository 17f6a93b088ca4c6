use std::path::PathBuf;
use std::time::Duration;

/// What can go wrong with test servers; each says what, where and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// None of the ways to get a server worked.
    #[error("no {server} to work with: {}. {advice}", .tried.join("; "))]
    NoServer { server: &'static str, tried: Vec<String>, advice: &'static str },

    /// A server was found, but it lacks what ballet needs.
    #[error("{server} {found} at {place} is too old: ballet needs {need} or newer; {advice}")]
    TooOld {
        server: &'static str,
        found: String,
        need: String,
        place: String,
        advice: &'static str,
    },

    /// A setting names something that cannot be used.
    #[error("{name} is {value}: {expected}")]
    Setting { name: &'static str, value: String, expected: String },

    /// A private node did not become ready.
    #[error("{server} did not start: {cause}; its log is {}:\n{tail}", .log.display())]
    StartFailed { server: &'static str, cause: String, log: PathBuf, tail: String },

    /// A server does not answer, or not as it should.
    #[error("{what} at {place} failed: {cause}; {advice}")]
    Server { what: String, place: String, cause: String, advice: &'static str },

    /// A fault was asked for on a server that is not ours.
    #[error("cannot {action} {server}: it was named by the environment; use `Servers::private`")]
    NotPrivate { server: &'static str, action: &'static str },

    /// A fault handle was used on a private node in the wrong state.
    #[error("cannot {action} {server}: {why}")]
    WrongState { server: &'static str, action: &'static str, why: &'static str },

    /// The definitions document is not one that a bed can be made from.
    #[error("the definitions for a test bed cannot be used: {0}")]
    Definitions(String),

    /// The machine refused something: a file, a process, a port.
    #[error("cannot {what}: {source}")]
    Machine { what: String, source: std::io::Error },

    /// `wait_until` gave up.
    #[error("waited {limit:?} for {what}; last seen: {last}")]
    Expired { what: String, limit: Duration, last: String },

    /// Neither server could be had.
    #[error("{0}\n{1}")]
    Both(Box<Self>, Box<Self>),
}

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Turns an I/O error into ours, with what was being done.
pub(crate) fn machine(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    let what = what.into();
    move |source| Error::Machine { what, source }
}
