//! Batches whose events wait in their outbox table until somebody repairs the broker.
//!
//! The other events of such a batch are published, and a sweep would publish all of it. So it is
//! read back from here, by the positions of its events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ballet_amqp::{BatchId, LeftBehind};

#[derive(Debug, Default)]
pub(crate) struct HeldBatches(Mutex<BTreeMap<BatchId, LeftBehind>>);

impl HeldBatches {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<BatchId, LeftBehind>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, batch: BatchId, events: LeftBehind) {
        self.lock().insert(batch, events);
    }

    /// Returns true if events may be tried again after this many releases.
    pub(crate) fn has_due(&self, releases: u64) -> bool {
        self.lock().values().any(|events| events.releases < releases)
    }

    /// Takes the first batches that may be tried again, of one table and about so many events and
    /// bytes.
    pub(crate) fn take_due(
        &self,
        releases: u64,
        most_events: usize,
        most_bytes: usize,
    ) -> Vec<(BatchId, LeftBehind)> {
        let mut held = self.lock();
        let (mut events, mut bytes) = (0, 0);
        let mut due: Vec<BatchId> = Vec::new();
        for (batch, one) in held.iter().filter(|(_, one)| one.releases < releases) {
            events += one.positions.len();
            bytes += one.bytes;
            let is_full = events > most_events || bytes > most_bytes;
            if due.first().is_some_and(|first| is_full || first.table != batch.table) {
                break;
            }
            due.push(*batch);
        }
        due.into_iter().filter_map(|batch| held.remove_entry(&batch)).collect()
    }

    pub(crate) fn tables(&self) -> BTreeSet<i16> {
        self.lock().keys().map(|batch| batch.table).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(number: i64, table: i16) -> BatchId {
        BatchId { process: 1, number, table }
    }

    fn numbers_of(due: &[(BatchId, LeftBehind)]) -> Vec<i64> {
        due.iter().map(|(batch, _)| batch.number).collect()
    }

    #[test]
    fn what_waited_before_the_release_comes_back_in_order_and_in_portions_of_one_table() {
        let held = HeldBatches::default();
        let events = |releases| LeftBehind { positions: vec![0, 2], bytes: 10, releases };
        for (number, table, releases) in [(3, 2, 0), (1, 1, 0), (2, 1, 0), (4, 2, 1)] {
            held.add(batch(number, table), events(releases));
        }
        assert!(!held.has_due(0) && held.take_due(0, 100, 100).is_empty());
        assert_eq!(numbers_of(&held.take_due(1, 1, 100)), [1], "one at least");
        let second = held.take_due(1, 100, 100);
        assert_eq!(numbers_of(&second), [2]);
        second.into_iter().for_each(|(batch, events)| held.add(batch, events));
        assert_eq!(
            numbers_of(&held.take_due(1, 100, 100)),
            [2],
            "what could not be read is first again"
        );
        assert_eq!(held.tables(), BTreeSet::from([2]));
        assert_eq!(numbers_of(&held.take_due(1, 100, 100)), [3], "the other waits for a release");
        assert!(!held.has_due(1) && held.has_due(2));
    }
}
