//! The sagas in memory: bounded in number and entries.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::mem;

use uuid::Uuid;

use crate::monitor::saga_log::SagaLog;

const MOST: usize = 100_000;
/// The maximum number of entries of all sagas: some 130 MB.
const MOST_KEPT: usize = 2_000_000;
/// The maximum number of sagas that are looked at for one that has nothing more to show.
const LOOKED_AT: usize = 16;

#[derive(Debug)]
pub(super) struct Sagas {
    logs: HashMap<Uuid, SagaLog>,
    /// The number of entries of all sagas.
    kept: usize,
    /// When to look at each saga, but for the suspects.
    due: VecDeque<(i64, Uuid)>,
    /// Those that lack something, as far as the journal has been read.
    suspects: Vec<Uuid>,
    /// Sagas that began up to this time may have been known before.
    floor: i64,
}

impl Sagas {
    pub(super) fn new() -> Self {
        let (logs, due, suspects) = (HashMap::new(), VecDeque::new(), Vec::new());
        Self { logs, kept: 0, due, suspects, floor: i64::MAX }
    }

    pub(super) fn begin(&mut self, floor: i64) {
        self.floor = floor;
    }

    /// Entries are missing before the next one.
    pub(super) fn gap(&mut self) {
        self.logs.values_mut().for_each(|log| log.is_whole = false);
    }

    pub(super) fn get(&self, saga: Uuid) -> Option<&SagaLog> {
        self.logs.get(&saga)
    }

    pub(super) fn get_mut(&mut self, saga: Uuid) -> Option<&mut SagaLog> {
        self.logs.get_mut(&saga)
    }

    /// Returns the saga of an entry from this time. A new one is looked at when it is `due`.
    pub(super) fn of(&mut self, saga: Uuid, begins: bool, at: i64, due: i64) -> &mut SagaLog {
        match self.logs.entry(saga) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                self.due.push_back((due, saga));
                new.insert(SagaLog::new(begins && at > self.floor, at))
            }
        }
    }

    pub(super) fn has_added(&mut self) {
        self.kept += 1;
    }

    pub(super) fn has_suspects(&self) -> bool {
        !self.suspects.is_empty()
    }

    pub(super) fn is_due(&self, clock: i64) -> bool {
        self.due.front().is_some_and(|(due, _)| *due <= clock)
    }

    /// Removes the next saga to look at. It has to be looked at again, suspected, or forgotten.
    pub(super) fn next_due(&mut self, clock: i64) -> Option<Uuid> {
        self.due.pop_front_if(|(due, _)| *due <= clock).map(|(_, saga)| saga)
    }

    pub(super) fn look_again(&mut self, saga: Uuid, due: i64) {
        self.due.push_back((due, saga));
    }

    pub(super) fn suspect(&mut self, saga: Uuid) {
        self.suspects.push(saga);
    }

    /// All of them are due.
    pub(super) fn suspects_are_due(&mut self) {
        for saga in mem::take(&mut self.suspects) {
            self.due.push_front((i64::MIN, saga));
        }
    }

    pub(super) fn forget(&mut self, saga: Uuid) {
        if let Some(log) = self.logs.remove(&saga) {
            self.kept -= log.entries.len();
            self.floor = self.floor.max(log.began);
        }
    }

    /// Forgets a saga if there are too many: of those that are due next, one that is `over`. Returns whether it was not.
    pub(super) fn make_room(&mut self, is_over: impl Fn(&SagaLog) -> bool) -> bool {
        if self.logs.len() <= MOST && self.kept <= MOST_KEPT {
            return false;
        }
        for _ in 0..LOOKED_AT {
            let Some((due, saga)) = self.due.pop_front() else { break };
            if self.logs.get(&saga).is_none_or(&is_over) {
                self.forget(saga);
                return false;
            }
            self.due.push_back((due, saga));
        }
        let next = self.due.pop_front().map(|(_, saga)| saga).or_else(|| self.suspects.pop());
        next.map(|saga| self.forget(saga)).is_some()
    }
}
