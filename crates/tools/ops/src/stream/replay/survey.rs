//! A survey of a recording before it is replayed.

use std::collections::BTreeSet;

use ballet_core::id::time_of;
use jiff::Timestamp;
use uuid::Uuid;

use crate::stream::record::Record;
use crate::stream::replay::made_keys::MadeKeys;

/// The number of records to send, their times and ids. Keeps 16 bytes for each id.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The number of records.
    pub records: u64,
    /// The earliest time.
    pub first: Option<Timestamp>,
    /// The latest time, of a record or in an id. A wrong clock's future time would make all new ids equally old.
    pub last: Option<Timestamp>,
    now: Timestamp,
    ids: Vec<u128>,
    sorted: bool,
    made: MadeKeys,
    /// The made keys with a value that is no UUID.
    texts: BTreeSet<&'static str>,
}

impl Survey {
    /// For a recording made before `now`. The values of these keys count as ids.
    #[must_use]
    pub fn new(now: Timestamp, made: MadeKeys) -> Self {
        let (first, last, texts) = (None, None, BTreeSet::new());
        Self { records: 0, first, last, now, ids: Vec::new(), sorted: false, made, texts }
    }

    /// Returns the names of the made keys with values that are no UUIDs.
    pub fn texts(&self) -> impl Iterator<Item = &'static str> {
        self.texts.iter().copied()
    }

    /// Adds a record to send. `with_ids` says that its ids will be replaced.
    pub fn add(&mut self, record: &Record, with_ids: bool) {
        self.records += 1;
        self.first = self.first.into_iter().chain(record.time).min();
        self.has_come(record.time);
        if with_ids {
            self.know(record);
        }
    }

    /// Remembers a record's ids: its own, its saga's, its cause's, and made keys.
    pub fn know(&mut self, record: &Record) {
        let cause = record.cause().and_then(|cause| Uuid::try_parse(cause).ok());
        for id in [Some(record.known_as()), record.saga_id(), cause].into_iter().flatten() {
            self.know_id(id);
        }
        let mut keys = Vec::new();
        self.made.each(record, |name, value| keys.push((name, value)));
        for (name, value) in keys {
            match value {
                Some(id) => self.know_id(id),
                None => drop(self.texts.insert(name)),
            }
        }
        self.sorted = false;
    }

    fn know_id(&mut self, id: Uuid) {
        self.has_come(time_of(id));
        // Most events of a saga are close to each other.
        let id = id.as_u128();
        if self.ids.iter().rev().take(8).all(|known| *known != id) {
            self.ids.push(id);
        }
    }

    fn has_come(&mut self, time: Option<Timestamp>) {
        self.last = self.last.max(time.filter(|time| *time <= self.now));
    }

    /// Prepares for the replacement of ids.
    pub fn sort(&mut self) {
        self.ids.sort_unstable();
        self.ids.dedup();
        self.sorted = true;
    }

    pub(crate) fn knows(&self, id: Uuid) -> bool {
        debug_assert!(self.sorted, "it is asked after it is sorted");
        self.ids.binary_search(&id.as_u128()).is_ok()
    }
}
