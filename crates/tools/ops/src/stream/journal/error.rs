//! The errors of reading the journal.

use ballet_amqp::BrokerError;

/// An error of reading the journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The broker does not answer, or refuses.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The user may not read the journal, or there is none.
    #[error("the journal of vhost `{vhost}` cannot be read: {reason}; {advice}")]
    Refused {
        /// The virtual host.
        vhost: String,
        /// The broker's text.
        reason: String,
        /// Advice for the operator.
        advice: &'static str,
    },
    /// No reader gets the last messages.
    #[error(
        "the broker cannot deliver the last messages of the journal, so nobody knows where it ends: \
         begin at a time with --since, and end with --limit"
    )]
    NoEnd,
    /// The journal was made again while it was read.
    #[error(
        "the journal was read up to offset {offset}, and the one that is there now {differs}: it is another \
         one. Begin again, with a new file if it is recorded"
    )]
    Another {
        /// The offset.
        offset: u64,
        /// The difference between the two journals, as a predicate.
        differs: &'static str,
    },
    /// The broker cannot deliver any of many messages in a row.
    #[error(
        "the broker cannot deliver {count} messages of the journal in a row, up to offset {last}: \
         {error}; its log says why. A later --since begins after them"
    )]
    Undeliverable {
        /// The number of messages.
        count: u32,
        /// The offset of the last.
        last: u64,
        /// The broker's error.
        error: BrokerError,
    },
}

const NO_RIGHT: &str =
    "the user needs the right to read the queue `journal`, as the user `tap` has";
const NO_JOURNAL: &str = "apply broker/definitions.json with `ballet topology apply`";

/// Explains a refused consumer's missing permission.
pub(crate) fn refused(error: BrokerError, vhost: &str) -> JournalError {
    match error {
        BrokerError::ChannelClosed { code: code @ (403 | 404), text } => JournalError::Refused {
            vhost: vhost.to_owned(),
            reason: text,
            advice: if code == 403 { NO_RIGHT } else { NO_JOURNAL },
        },
        error => error.into(),
    }
}
