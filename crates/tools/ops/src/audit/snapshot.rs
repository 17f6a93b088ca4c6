//! The broker's messages, as an audit sees them.

use std::collections::BTreeMap;

use uuid::Uuid;

/// The messages that the broker holds. Take the snapshot before the databases are read, so that a message that is
/// missing here has been handled by then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrokerSnapshot {
    /// The number of messages in each queue, including those that are unacknowledged or on their way
    /// to be dead-lettered, without the journal.
    pub queues: BTreeMap<String, u64>,
    /// The dead letters, or some of them.
    pub dead_letters: Vec<DeadLetterSnapshot>,
    /// The number of messages that each queue holds because they cannot be dead-lettered. See
    /// [`held_in`](crate::audit::held_in).
    pub held: BTreeMap<String, u64>,
    /// The reason why the broker could not be read, if so.
    pub away: Option<String>,
}

/// The fields of a dead letter that an audit needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterSnapshot {
    /// The service that could not handle it.
    pub service: String,
    /// Its saga, if it names one.
    pub saga: Option<Uuid>,
    /// Its type.
    pub event_type: String,
    /// The reason, as a code and in a sentence.
    pub reason: String,
}
