//! The exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly done or different, 4 a server cannot be reached.

use std::fmt;

use ballet_amqp::{BrokerError, ManagementError};
use ballet_ops::redrive::RedriveError;
use ballet_ops::stream::JournalError;

use crate::base::ui;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
pub(crate) const PARTLY: u8 = 3;
const UNREACHABLE: u8 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    All,
    /// Something is left, and the command has said what.
    Partly,
    /// The compared things differ, and the command has said how.
    Different,
    /// Nothing was done, and the command has said why.
    Failed,
}

impl ExitStatus {
    /// Notes each unreachable server. `Partly` if there is one.
    pub(crate) fn listed_without(away: &[String]) -> Self {
        for away in away {
            ui::note(&format!("{away}; the rest is listed"));
        }
        if away.is_empty() { Self::All } else { Self::Partly }
    }
}

/// A command stops before it has done anything.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// An option is missing or wrong.
    Usage(String),
    /// A server cannot be reached.
    Unreachable(String),
    /// The server answers, but TLS fails.
    Tls(String),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(message) | Self::Unreachable(message) | Self::Tls(message)) = self;
        f.write_str(message)
    }
}

impl std::error::Error for CommandError {}

pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    CommandError::Usage(message.into()).into()
}

/// The error of what was named on the command line, with its causes.
pub(crate) fn unusable(error: impl Into<anyhow::Error>) -> anyhow::Error {
    usage(format!("{:#}", error.into()))
}

/// What cannot be taken back needs `--yes`. Without it this says what would be done.
pub(crate) fn require_yes(is_given: bool, would: &str) -> anyhow::Result<()> {
    if is_given {
        return Ok(());
    }
    Err(usage(format!("{would}, and nothing was: it cannot be taken back. --yes does it")))
}

pub(crate) const GIVE_DATABASES: &str =
    "set DATABASE_URL or give --database-url, with {service} in place of the service's name";

pub(crate) fn without_databases(what: &str) -> anyhow::Error {
    usage(format!("{what}: {GIVE_DATABASES}"))
}

/// This command does not retry an unreachable broker.
pub(crate) fn with_advice(error: RedriveError) -> anyhow::Error {
    match &error {
        RedriveError::Broker(BrokerError::Unreachable { at, reason }) => {
            let message = format!(
                "RabbitMQ at {at} cannot be reached: {reason}. Check that it is running, or set \
                 its address with AMQP_URL or --amqp-url"
            );
            CommandError::Unreachable(message).into()
        }
        _ => error.into(),
    }
}

/// Like [`with_advice`], for the journal.
pub(crate) fn of_journal(error: JournalError) -> anyhow::Error {
    match error {
        JournalError::Broker(error) => with_advice(error.into()),
        error => error.into(),
    }
}

/// Causes that the text before already has are left out.
pub(crate) fn error_text(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if words.is_empty() {
            words = cause;
        } else if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

pub(crate) fn code(error: &anyhow::Error) -> u8 {
    let found = |error: &(dyn std::error::Error + 'static)| -> Option<u8> {
        match error.downcast_ref::<CommandError>() {
            Some(CommandError::Usage(_)) => return Some(USAGE),
            Some(CommandError::Unreachable(_) | CommandError::Tls(_)) => return Some(UNREACHABLE),
            None => {}
        }
        match error.downcast_ref::<ManagementError>() {
            Some(ManagementError::Address) => return Some(USAGE),
            Some(ManagementError::Unreachable { .. }) => return Some(UNREACHABLE),
            Some(ManagementError::Refused { .. } | ManagementError::Unexpected { .. }) | None => {}
        }
        let broker = match error.downcast_ref::<RedriveError>() {
            Some(RedriveError::Broker(error)) => Some(error),
            Some(RedriveError::Inbox(error)) => return Some(of_database(error)),
            _ => error.downcast_ref::<BrokerError>(),
        };
        if let Some(error) = broker {
            return Some(of_broker(error));
        }
        if let Some(error) = error.downcast_ref::<ballet_stage::Error>() {
            return Some(of_servers(error));
        }
        error.downcast_ref::<sqlx::Error>().map(of_database)
    };
    error.chain().find_map(found).unwrap_or(FAILED)
}

pub(crate) fn is_unreachable(error: &anyhow::Error) -> bool {
    code(error) == UNREACHABLE
}

fn of_broker(error: &BrokerError) -> u8 {
    match error {
        BrokerError::BadUrl(_) => USAGE,
        BrokerError::AccessRefused { .. }
        | BrokerError::LoginRefused { .. }
        | BrokerError::Unreachable { .. }
        | BrokerError::Tls { .. }
        | BrokerError::TooOld { .. }
        | BrokerError::ConnectionClosed { .. }
        | BrokerError::Lost(_) => UNREACHABLE,
        _ => FAILED,
    }
}

fn of_servers(error: &ballet_stage::Error) -> u8 {
    use ballet_stage::Error;
    match error {
        Error::Setting { .. } | Error::Management(ManagementError::Address) => USAGE,
        Error::NoServer { .. }
        | Error::TooOld { .. }
        | Error::StartFailed { .. }
        | Error::Server { .. }
        | Error::Management(_) => UNREACHABLE,
        Error::Named { why, .. } => of_servers(why),
        Error::Both(one, _) => of_servers(one),
        _ => FAILED,
    }
}

fn of_database(error: &sqlx::Error) -> u8 {
    match error {
        sqlx::Error::Configuration(_) => USAGE,
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) => UNREACHABLE,
        _ => FAILED,
    }
}
