//! How a command ends: 0 done, 1 failed, 2 wrong usage, 3 partly done, 4 not reachable.

use std::fmt;

use ballet_amqp::BrokerError;
use ballet_ops::redrive::RedriveError;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
pub(crate) const PARTLY: u8 = 3;
const NOT_REACHABLE: u8 = 4;

/// How much of it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    All,
    /// Something was left, and it was said what.
    Partly,
    /// Nothing of it, and it was said why.
    Failed,
}

/// What a command itself has to say against going on.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It was not given what it needs.
    Usage(String),
    /// A server that it needs cannot be reached.
    NotReachable(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(said) | Self::NotReachable(said)) = self;
        f.write_str(said)
    }
}

impl std::error::Error for Refusal {}

pub(crate) fn usage(said: impl Into<String>) -> anyhow::Error {
    Refusal::Usage(said.into()).into()
}

/// The exit code that an error stands for.
pub(crate) fn code(error: &anyhow::Error) -> u8 {
    let found = |error: &(dyn std::error::Error + 'static)| -> Option<u8> {
        match error.downcast_ref::<Refusal>() {
            Some(Refusal::Usage(_)) => return Some(USAGE),
            Some(Refusal::NotReachable(_)) => return Some(NOT_REACHABLE),
            None => {}
        }
        let broker = match error.downcast_ref::<RedriveError>() {
            Some(RedriveError::Broker(error)) => Some(error),
            Some(RedriveError::Inbox(error)) => return Some(of_database(error)),
            _ => error.downcast_ref::<BrokerError>(),
        };
        if let Some(error) = broker {
            return Some(of_broker(error));
        }
        error.downcast_ref::<sqlx::Error>().map(of_database)
    };
    error.chain().find_map(found).unwrap_or(FAILED)
}

fn of_broker(error: &BrokerError) -> u8 {
    match error {
        BrokerError::BadUrl(_) => USAGE,
        BrokerError::AccessRefused { .. }
        | BrokerError::Unreachable { .. }
        | BrokerError::Tls { .. }
        | BrokerError::TooOld { .. }
        | BrokerError::ConnectionClosed { .. }
        | BrokerError::Lost(_) => NOT_REACHABLE,
        _ => FAILED,
    }
}

fn of_database(error: &sqlx::Error) -> u8 {
    match error {
        sqlx::Error::Configuration(_) => USAGE,
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) => NOT_REACHABLE,
        _ => FAILED,
    }
}
