//! Causes that have not come, with the entries that name them.

use std::collections::{HashSet, VecDeque};

use uuid::Uuid;

use crate::monitor::property::Violation;

const MOST: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct AwaitedCauses {
    /// In the order in which they are due.
    queue: VecDeque<(i64, Uuid, Violation)>,
    ids: HashSet<Uuid>,
}

impl AwaitedCauses {
    pub(super) fn has_room(&self) -> bool {
        self.queue.len() < MOST
    }

    pub(super) fn wait(&mut self, due: i64, cause: Uuid, violation: Violation) {
        self.ids.insert(cause);
        self.queue.push_back((due, cause, violation));
    }

    pub(super) fn came(&mut self, message: Uuid) {
        if self.ids.remove(&message) {
            self.queue.retain(|(_, cause, _)| *cause != message);
        }
    }

    pub(super) fn is_due(&self, now: i64) -> bool {
        self.queue.front().is_some_and(|(due, ..)| *due <= now)
    }

    /// Removes the next one that has not come in time.
    pub(super) fn missing(&mut self, now: i64) -> Option<Violation> {
        let (_, cause, violation) = self.queue.pop_front_if(|(due, ..)| *due <= now)?;
        // Others may wait for the same one.
        if self.queue.iter().all(|(_, other, _)| *other != cause) {
            self.ids.remove(&cause);
        }
        Some(violation)
    }
}
