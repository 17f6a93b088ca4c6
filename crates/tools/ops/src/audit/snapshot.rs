//! The broker's messages, as an audit sees them.

use std::collections::BTreeMap;

use uuid::Uuid;

/// The messages that the broker holds. Take the snapshot before the databases are read: then a message that is missing
/// here was handled before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrokerSnapshot {
    /// The number of messages in each queue except the journal, with those that are unacknowledged or being
    /// dead-lettered.
    pub queues: BTreeMap<String, u64>,
    /// The dead letters, or some of them.
    pub dead_letters: Vec<DeadLetterSnapshot>,
    /// The number of messages that each queue [holds](crate::audit::held_in) because they cannot be dead-lettered.
    pub held: BTreeMap<String, u64>,
    /// The reason why the broker could not be read, if so.
    pub away: Option<String>,
}

/// What an audit needs of a dead letter.
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
