//! A dead letter, as pages show it.

use ballet_ops::redrive::{DeadLetterGroup, GroupKey};
use jiff::Timestamp;
use uuid::Uuid;

/// A dead letter, without its place in the queue.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) service: String,
    pub(crate) id: String,
    pub(crate) event_type: Option<String>,
    pub(crate) saga: Option<String>,
    pub(crate) reason: String,
    pub(crate) step: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) dead_at: Option<Timestamp>,
    pub(crate) attempts: u64,
    pub(crate) redrives: u64,
    pub(crate) exchange: Option<String>,
    pub(crate) routing_key: Option<String>,
    pub(crate) group: GroupKey,
    /// The [`DeadLetter::mark`](ballet_ops::redrive::DeadLetter::mark) of each copy. Only of a letter that is shown in
    /// full.
    pub(crate) seen: Vec<String>,
    /// The headers, each as text.
    pub(crate) headers: Vec<(String, String)>,
    /// The readable body. Only of a letter that is shown in full.
    pub(crate) body: Vec<u8>,
    pub(crate) size: usize,
}

impl Letter {
    /// Returns the saga, if its text is an id.
    pub(crate) fn saga_id(&self) -> Option<Uuid> {
        self.saga.as_deref().and_then(|saga| Uuid::try_parse(saga).ok())
    }
}

/// The dead letters that died in the same way.
#[derive(Debug, Clone)]
pub(crate) struct LetterGroup {
    pub(crate) key: GroupKey,
    /// Their number, and the times of their deaths.
    pub(crate) died: DeadLetterGroup,
    /// The most redrives of one of them.
    pub(crate) redrives: u64,
    /// The first letters of the group.
    pub(crate) letters: Vec<Letter>,
}

/// The dead letters of a service, as they were read.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServiceLetters {
    pub(crate) service: String,
    pub(crate) count: u64,
    /// The groups that died in the same way.
    pub(crate) groups: Vec<LetterGroup>,
    /// Whether another program holds some of them.
    pub(crate) is_held: bool,
    /// The reason why they cannot be read.
    pub(crate) away: Option<String>,
}
