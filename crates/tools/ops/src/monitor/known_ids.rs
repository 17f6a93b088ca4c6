//! The ids and types of recent messages, in two generations, of which the older one is forgotten as a whole.

use std::collections::HashMap;
use std::mem;

use uuid::Uuid;

use crate::monitor::types::Kind;

/// Some 10 MB a generation.
const GENERATION: usize = 500_000;

#[derive(Debug, Default)]
pub(super) struct KnownIds {
    new: HashMap<u64, Kind>,
    old: HashMap<u64, Kind>,
    new_since: i64,
    /// All messages since then are known.
    pub(super) since: i64,
}

impl KnownIds {
    /// Messages before this time are not known.
    pub(super) fn begin(&mut self, now: i64) {
        *self = Self { new_since: now, since: now, ..Self::default() };
    }

    pub(super) fn add(&mut self, id: Uuid, kind: Kind, now: i64) {
        if self.new.len() >= GENERATION {
            self.old = mem::take(&mut self.new);
            self.since = mem::replace(&mut self.new_since, now);
        }
        self.new.insert(digits(id), kind);
    }

    pub(super) fn kind(&self, id: Uuid) -> Option<Kind> {
        let digits = digits(id);
        self.new.get(&digits).or_else(|| self.old.get(&digits)).copied()
    }
}

/// The random half of an id.
const fn digits(id: Uuid) -> u64 {
    id.as_u64_pair().1
}
