//! Groups of dead letters that died in the same way.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use crate::redrive::cause::{cause_of, telling_part};
use crate::redrive::dead_letter::{DeadLetter, is_forged};

/// The most groups with their own type and cause. Further ones share a group: foreign producers choose the types, and
/// their texts are in the causes.
const MOST_GROUPS: usize = 1_000;

/// The attributes that the dead letters of one group have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// The reason as a code.
    pub reason: String,
    /// The handler that failed.
    pub step: Option<String>,
    /// The event's name.
    pub event_type: Option<String>,
    /// The detail without numbers, ids and quoted texts.
    pub cause: Option<String>,
    /// Whether it was edited since it died. Then it need not fail again for the old cause.
    pub is_edited: bool,
}

impl GroupKey {
    fn of(dead_letter: &DeadLetter) -> Self {
        Self {
            reason: dead_letter.reason.clone(),
            step: dead_letter.step.clone(),
            event_type: dead_letter.event_type.clone(),
            cause: dead_letter.detail.as_deref().map(cause_of),
            is_edited: dead_letter.is_edited(),
        }
    }

    /// Whether its dead letters are [forged](DeadLetter::forgery).
    #[must_use]
    pub fn is_forged(&self) -> bool {
        is_forged(&self.reason)
    }

    /// Returns the longest part of the cause that all details of the group contain.
    #[must_use]
    pub fn telling_part(&self) -> Option<&str> {
        telling_part(self.cause.as_deref()?)
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, step, event_type, cause, is_edited } = self;
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

    /// Returns the key of the group to which a dead letter belongs.
    #[must_use]
    pub fn key(&self, dead_letter: &DeadLetter) -> GroupKey {
        let mut key = GroupKey::of(dead_letter);
        if self.0.len() >= MOST_GROUPS && !self.0.contains_key(&key) {
            (key.event_type, key.cause) = (None, None);
        }
        key
    }

    /// Returns the groups, the biggest first.
    #[must_use]
    pub fn biggest_first(&self) -> Vec<(&GroupKey, &DeadLetterGroup)> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|(_, group)| std::cmp::Reverse(group.count));
        all
    }

    /// Returns the number of dead letters in all groups.
    #[must_use]
    pub fn dead_letters(&self) -> u64 {
        self.0.values().map(|group| group.count).sum()
    }

    /// Returns the number of groups.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no groups.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
