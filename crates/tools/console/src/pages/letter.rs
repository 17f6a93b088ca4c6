//! A dead letter, as pages show it.

use ballet_amqp::{FieldTable, headers};
use ballet_core::MessageId;
use ballet_ops::redrive::{DeadLetter, DeadLetterGroup, DeadLetterGroups, GroupKey};
use jiff::Timestamp;
use uuid::Uuid;

const MOST_SHOWN: usize = 256 * 1024;

#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) dead: DeadLetter,
    pub(crate) group: GroupKey,
    /// The [`DeadLetter::mark`] of each copy.
    pub(crate) seen: Vec<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) size: usize,
}

impl Letter {
    pub(crate) fn new(dead: DeadLetter, seen: Vec<String>) -> Self {
        let mut body = dead.body.clone();
        let size = body.len();
        body.truncate(MOST_SHOWN);
        Self { group: DeadLetterGroups::default().add(&dead), dead, seen, body, size }
    }

    pub(crate) fn saga_id(&self) -> Option<Uuid> {
        self.dead.saga.as_deref().and_then(|saga| Uuid::try_parse(saga).ok())
    }

    /// Empty if the message has none.
    pub(crate) fn event_name(&self) -> &str {
        self.dead.event_type.as_deref().unwrap_or_default()
    }

    pub(crate) fn address(&self) -> String {
        format!("/dead-letters/{}/{}", self.dead.service, self.dead.id)
    }

    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let table = self.dead.properties.headers().as_ref().map(FieldTable::inner);
        let text = |value| headers::text(value).map_or_else(|| format!("{value:?}"), str::to_owned);
        let all = table.into_iter().flatten();
        all.map(|(name, value)| (name.to_string(), text(value))).collect()
    }
}

/// The dead letters that died in the same way.
#[derive(Debug, Clone)]
pub(crate) struct LetterGroup {
    pub(crate) key: GroupKey,
    /// Their number, and the times of their deaths.
    pub(crate) died: DeadLetterGroup,
    /// The maximum number of redrives of one of them.
    pub(crate) redrives: u64,
    pub(crate) letters: Vec<(MessageId, Option<Timestamp>)>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ServiceLetters {
    pub(crate) service: String,
    pub(crate) count: u64,
    pub(crate) groups: Vec<LetterGroup>,
    /// Another program holds some.
    pub(crate) is_held: bool,
    /// Why they cannot be read.
    pub(crate) away: Option<String>,
}
