//! Which dead letters somebody means, and what they have in common.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use super::Letter;

/// Beyond so many groups the types are no longer told apart: they may come from outside.
const MOST_GROUPS: usize = 1_000;

/// Which dead letters are meant: those to which all that is given applies.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The machine-readable reason.
    pub reason: Option<String>,
    /// The handler that failed.
    pub step: Option<String>,
    /// The event's name.
    pub event_type: Option<String>,
    /// Whole message ids, or the ends of some.
    pub ids: Vec<String>,
    /// The saga.
    pub saga: Option<String>,
    /// Dead since before this.
    pub before: Option<Timestamp>,
    /// Dead since after this.
    pub after: Option<Timestamp>,
}

impl Choice {
    /// Whether this letter is meant.
    #[must_use]
    pub fn takes(&self, letter: &Letter) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == found)
        };
        is(&self.reason, Some(&letter.reason))
            && is(&self.step, letter.step.as_deref())
            && is(&self.event_type, letter.event_type.as_deref())
            && is(&self.saga, letter.saga.as_deref())
            && self.before.is_none_or(|before| letter.dead_at.is_some_and(|at| at < before))
            && self.after.is_none_or(|after| letter.dead_at.is_some_and(|at| at > after))
            && self.names(letter)
    }

    fn names(&self, letter: &Letter) -> bool {
        if self.ids.is_empty() {
            return true;
        }
        let id = letter.id.to_string();
        self.ids.iter().any(|end| !end.is_empty() && id.ends_with(&end.to_lowercase()))
    }
}

/// What dead letters of one group have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// The machine-readable reason.
    pub reason: String,
    /// The handler that failed.
    pub step: Option<String>,
    /// The event's name.
    pub event_type: Option<String>,
}

impl GroupKey {
    fn of(letter: &Letter) -> Self {
        Self {
            reason: letter.reason.clone(),
            step: letter.step.clone(),
            event_type: letter.event_type.clone(),
        }
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, step, event_type } = self;
        write!(f, "{reason}")?;
        if let Some(step) = step {
            write!(f, " in {step}")?;
        }
        write!(f, ", {}", event_type.as_deref().unwrap_or("no type"))
    }
}

/// Dead letters that died in the same way.
#[derive(Debug, Clone)]
pub struct Group {
    /// How many they are.
    pub letters: u64,
    /// When the first of them died.
    pub first: Option<Timestamp>,
    /// When the last of them died.
    pub last: Option<Timestamp>,
    /// One of them, for instance.
    pub example: String,
    /// What is said about that one.
    pub detail: Option<String>,
}

/// All groups.
#[derive(Debug, Clone, Default)]
pub struct Groups(BTreeMap<GroupKey, Group>);

impl Groups {
    /// Counts a letter in, and says in which group.
    pub fn add(&mut self, letter: &Letter) -> GroupKey {
        let key = self.key(letter);
        let group = self.0.entry(key.clone()).or_insert_with(|| Group {
            letters: 0,
            first: letter.dead_at,
            last: letter.dead_at,
            example: letter.id.to_string(),
            detail: letter.detail.clone(),
        });
        group.letters += 1;
        group.first = [group.first, letter.dead_at].into_iter().flatten().min();
        group.last = [group.last, letter.dead_at].into_iter().flatten().max();
        key
    }

    /// The group that a letter belongs to among these.
    #[must_use]
    pub fn key(&self, letter: &Letter) -> GroupKey {
        let mut key = GroupKey::of(letter);
        if self.0.len() >= MOST_GROUPS && !self.0.contains_key(&key) {
            key.event_type = None;
        }
        key
    }

    /// All of them, the biggest first.
    #[must_use]
    pub fn biggest_first(&self) -> Vec<(&GroupKey, &Group)> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|(_, group)| std::cmp::Reverse(group.letters));
        all
    }

    /// How many letters they hold together.
    #[must_use]
    pub fn letters(&self) -> u64 {
        self.0.values().map(|group| group.letters).sum()
    }

    /// How many groups there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
