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
    /// [`DeadLetter::mark`](ballet_ops::redrive::DeadLetter::mark) of each copy of it. Only of one that is shown whole.
    pub(crate) seen: Vec<String>,
    /// The headers, each as text.
    pub(crate) headers: Vec<(String, String)>,
    /// The readable body. Only of one that is shown whole.
    pub(crate) body: Vec<u8>,
    pub(crate) size: usize,
}

impl Letter {
    /// The saga, if what stands for it is an id.
    pub(crate) fn saga_id(&self) -> Option<Uuid> {
        self.saga.as_deref().and_then(|saga| Uuid::try_parse(saga).ok())
    }
}

/// The dead letters that died alike.
#[derive(Debug, Clone)]
pub(crate) struct OfGroup {
    pub(crate) key: GroupKey,
    /// How many there are, and when they died.
    pub(crate) died: DeadLetterGroup,
    /// How often one of them was sent again at most.
    pub(crate) redrives: u64,
    /// The first of them.
    pub(crate) letters: Vec<Letter>,
}

/// The dead letters of a service, as they were read.
#[derive(Debug, Clone, Default)]
pub(crate) struct OfService {
    pub(crate) service: String,
    pub(crate) count: u64,
    /// Those that died alike, the biggest group first.
    pub(crate) groups: Vec<OfGroup>,
    /// Another program holds some of them.
    pub(crate) is_held: bool,
    /// Why they cannot be read.
    pub(crate) away: Option<String>,
}
