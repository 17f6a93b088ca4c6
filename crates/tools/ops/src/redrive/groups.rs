//! Groups of dead letters that died in the same way.

use std::collections::BTreeMap;
use std::fmt;

use ballet_core::MessageId;
use jiff::Timestamp;
use serde_json::json;

use crate::redrive::cause::cause_of;
use crate::redrive::dead_letter::{DeadLetter, is_forged};

/// Foreign producers choose the types, and their texts are in the causes, so the number of groups is limited. Further
/// ones share a group.
const MOST_GROUPS: usize = 1_000;
const FURTHER: &str = "further causes";

/// The attributes that the dead letters of one group have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// The service that could not handle them.
    pub service: String,
    /// The reason as a code.
    pub reason: String,
    /// The handler that failed.
    pub step: Option<String>,
    /// The event's name.
    pub event_type: Option<String>,
    /// The detail without numbers, ids and quoted texts.
    pub cause: Option<String>,
    /// Whether it was edited since it died, so that the old cause may be gone.
    pub is_edited: bool,
}

impl GroupKey {
    pub(crate) fn of(dead_letter: &DeadLetter) -> Self {
        Self {
            service: dead_letter.service.clone(),
            reason: dead_letter.reason.clone(),
            step: dead_letter.step.clone(),
            event_type: dead_letter.event_type.clone(),
            cause: dead_letter.detail.as_deref().map(cause_of),
            is_edited: dead_letter.is_edited(),
        }
    }

    /// Whether its dead letters are [forged](DeadLetter::why_unsendable).
    #[must_use]
    pub fn is_forged(&self) -> bool {
        is_forged(&self.reason)
    }

    /// Returns the id by which a [filter](crate::redrive::DeadLetterFilter::group) selects the group. `None` for the
    /// group that further ones share.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        let Self { service, reason, step, event_type, cause, is_edited } = self;
        if cause.as_deref() == Some(FURTHER) {
            return None;
        }
        let all = json!([service, reason, step, event_type, cause, is_edited]).to_string();
        let (id, _) = MessageId::derived_from_text(&all).0.as_u64_pair();
        Some(format!("{id:016x}"))
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service: _, reason, step, event_type, cause, is_edited } = self;
        write!(f, "{reason}")?;
        if let Some(step) = step {
            write!(f, " in {step}")?;
        }
        write!(f, ", {}", event_type.as_deref().unwrap_or("no type"))?;
        match cause {
            _ if *is_edited => f.write_str(", edited"),
            Some(cause) => write!(f, ", {cause}"),
            None => Ok(()),
        }
    }
}

/// Dead letters that died in the same way.
#[derive(Debug, Clone)]
pub struct DeadLetterGroup {
    /// The number of dead letters.
    pub count: u64,
    /// When the first of them died.
    pub first: Option<Timestamp>,
    /// When the last of them died.
    pub last: Option<Timestamp>,
    /// The id of one of them.
    pub example: String,
    /// The reason of that one in a sentence.
    pub detail: Option<String>,
}

/// All groups.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterGroups(BTreeMap<GroupKey, DeadLetterGroup>);

impl DeadLetterGroups {
    /// Adds a dead letter, and returns the key of its group.
    pub fn add(&mut self, dead_letter: &DeadLetter) -> GroupKey {
        let key = self.key(dead_letter);
        let group = self.0.entry(key.clone()).or_insert_with(|| DeadLetterGroup {
            count: 0,
            first: dead_letter.dead_at,
            last: dead_letter.dead_at,
            example: dead_letter.id.to_string(),
            detail: dead_letter.detail.clone(),
        });
        group.count += 1;
        group.first = [group.first, dead_letter.dead_at].into_iter().flatten().min();
        group.last = [group.last, dead_letter.dead_at].into_iter().flatten().max();
        key
    }

    fn key(&self, dead_letter: &DeadLetter) -> GroupKey {
        let mut key = GroupKey::of(dead_letter);
        if self.0.len() >= MOST_GROUPS && !self.0.contains_key(&key) {
            (key.event_type, key.cause) = (None, Some(FURTHER.to_owned()));
        }
        key
    }

    /// Returns the groups, in an order that does not depend on the counts.
    pub fn all(&self) -> impl Iterator<Item = (&GroupKey, &DeadLetterGroup)> {
        self.0.iter()
    }

    /// Returns the number of dead letters in all groups.
    #[must_use]
    pub fn dead_letters(&self) -> u64 {
        self.0.values().map(|group| group.count).sum()
    }
}
