//! Batches whose events wait in their outbox table until somebody mends the broker.
//!
//! The other events of such a batch are published. So it is read back from here, by the positions of
//! its events, and not by a sweep, which would publish all of it. Many that this process wrote are gathered
//! into one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ballet_amqp::{BatchId, LeftBehind};

/// Between the numbers of two batches there is room for those that held ones are gathered into.
pub(crate) const STEP: i64 = 1 << 10;
/// Beyond this number of batches, they are gathered.
const MOST_SCATTERED: usize = 500;
/// The most events and bytes of a gathered batch, unless one batch has more.
const GATHERED_EVENTS: usize = 1_000;
const GATHERED_BYTES: usize = 8 * 1024 * 1024;

/// The batches, in order.
#[derive(Debug, Default)]
pub(crate) struct HeldBatches(Mutex<BTreeMap<BatchId, HeldEvents>>);

/// The events of a batch that wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeldEvents {
    rows: HeldRows,
    bytes: usize,
    /// The publisher's count of releases when they were left behind. After a further one they may be tried again.
    releases: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HeldRows {
    /// The rows at these positions: the others are published.
    Scattered(Vec<i32>),
    /// All rows, and their number.
    Gathered(i32),
}

impl HeldEvents {
    /// Returns the number of events.
    pub(crate) fn len(&self) -> usize {
        match &self.rows {
            HeldRows::Scattered(positions) => positions.len(),
            HeldRows::Gathered(events) => usize::try_from(*events).unwrap_or_default(),
        }
    }

    /// Returns the positions in the table.
    pub(crate) fn positions(&self) -> Vec<i32> {
        match &self.rows {
            HeldRows::Scattered(positions) => positions.clone(),
            HeldRows::Gathered(events) => (0..*events).collect(),
        }
    }
}

impl From<LeftBehind> for HeldEvents {
    fn from(LeftBehind { positions, bytes, releases }: LeftBehind) -> Self {
        Self { rows: HeldRows::Scattered(positions), bytes, releases }
    }
}

/// Batches to be gathered into one.
#[derive(Debug)]
pub(crate) struct ScatteredBatches {
    pub(crate) held: Vec<(BatchId, HeldEvents)>,
    /// The id of that one. It follows the last of them.
    pub(crate) into: BatchId,
}

impl ScatteredBatches {
    /// Returns what waits when they are gathered in this many rows.
    pub(crate) fn gathered(&self, rows: i32) -> HeldEvents {
        let releases = self.held.iter().map(|(_, one)| one.releases).min();
        HeldEvents {
            rows: HeldRows::Gathered(rows),
            bytes: self.held.iter().map(|(_, one)| one.bytes).sum(),
            releases: releases.unwrap_or_default(),
        }
    }
}

impl HeldBatches {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<BatchId, HeldEvents>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a batch, with the positions in its table.
    pub(crate) fn add(&self, batch: BatchId, events: HeldEvents) {
        self.lock().insert(batch, events);
    }

    /// Returns true if events may be tried again after this many releases.
    pub(crate) fn has_due(&self, releases: u64) -> bool {
        self.lock().values().any(|events| events.releases < releases)
    }

    /// Takes the first batches that may be tried again, each with its events. They are of one table, and
    /// have about as many events and bytes.
    pub(crate) fn take_due(
        &self,
        releases: u64,
        most_events: usize,
        most_bytes: usize,
    ) -> Vec<(BatchId, HeldEvents)> {
        let mut held = self.lock();
        let due = held.iter().filter(|(_, one)| one.releases < releases);
        let due = portion(due, most_events, most_bytes);
        due.into_iter().filter_map(|batch| held.remove_entry(&batch)).collect()
    }

    /// Takes batches of this process to gather them, if there are many outside of the tables `but`. No other one
    /// that is in memory stands between them.
    ///
    /// `live` are those in memory with events that are not published. One that is not held is still under way, and
    /// its events may have to wait as well, before those of later batches.
    pub(crate) fn take_scattered(
        &self,
        process: i64,
        but: &BTreeSet<i16>,
        live: impl FnOnce() -> Vec<BatchId>,
    ) -> Option<ScatteredBatches> {
        let mut held = self.lock();
        let is_scattered = |(batch, one): &(&BatchId, &HeldEvents)| {
            let has_room = (batch.number + 1) % STEP != 0;
            batch.process == process
                && has_room
                && !but.contains(&batch.table)
                && matches!(one.rows, HeldRows::Scattered(_))
        };
        if held.iter().filter(is_scattered).count() <= MOST_SCATTERED {
            return None;
        }
        let mut from_first = held.iter().skip_while(|one| !is_scattered(one)).peekable();
        let begin = from_first.peek()?.0.number;
        let under_way = live().into_iter().filter(|batch| {
            batch.process == process && batch.number > begin && !held.contains_key(batch)
        });
        let end = under_way.map(|batch| batch.number).min();
        let first = from_first
            .take_while(is_scattered)
            .take_while(|(batch, _)| end.is_none_or(|end| batch.number < end));
        let first = portion(first, GATHERED_EVENTS, GATHERED_BYTES);
        let last = *first.last()?;
        let held = first.into_iter().filter_map(|batch| held.remove_entry(&batch)).collect();
        // The waiting events stay in order, also for the next process.
        Some(ScatteredBatches { held, into: BatchId { number: last.number + 1, ..last } })
    }

    /// Returns the tables in which events wait.
    pub(crate) fn tables(&self) -> BTreeSet<i16> {
        self.lock().keys().map(|batch| batch.table).collect()
    }
}

/// Returns the first of these batches: of one table, with about as many events and bytes.
fn portion<'a>(
    held: impl Iterator<Item = (&'a BatchId, &'a HeldEvents)>,
    most_events: usize,
    most_bytes: usize,
) -> Vec<BatchId> {
    let (mut events, mut bytes) = (0, 0);
    let mut taken: Vec<BatchId> = Vec::new();
    for (batch, one) in held {
        events += one.len();
        bytes += one.bytes;
        let is_full = events > most_events || bytes > most_bytes;
        if taken.first().is_some_and(|first| is_full || first.table != batch.table) {
            break;
        }
        taken.push(*batch);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(number: i64, table: i16) -> BatchId {
        BatchId { process: 1, number, table }
    }

    fn numbers_of(due: &[(BatchId, HeldEvents)]) -> Vec<i64> {
        due.iter().map(|(batch, _)| batch.number).collect()
    }

    fn events(positions: Vec<i32>, releases: u64) -> HeldEvents {
        HeldEvents::from(LeftBehind { positions, bytes: 10, releases })
    }

    #[test]
    fn what_waited_before_the_release_comes_back_in_order_and_in_portions_of_one_table() {
        let held = HeldBatches::default();
        let events = |releases| events(vec![0, 2], releases);
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
    #[test]
    fn only_many_batches_are_gathered_and_none_changes_places() {
        let held = HeldBatches::default();
        let table = |number| if number < 300 { 1 } else { 2 };
        let id = |number: i64| batch(number * STEP, table(number));
        for number in 0..500 {
            held.add(id(number), events(vec![1, 3, 5], 7));
        }
        let none = BTreeSet::new();
        assert!(held.take_scattered(1, &none, Vec::new).is_none());
        held.add(id(500), events(vec![0], 7));
        assert!(held.take_scattered(2, &none, Vec::new).is_none(), "another process's");
        let gathered = |first: i64, last: i64, events: i32| {
            let taken = held.take_scattered(1, &none, Vec::new).expect("many");
            let ids: Vec<BatchId> = taken.held.iter().map(|(batch, _)| *batch).collect();
            assert_eq!(ids, (first..=last).map(id).collect::<Vec<_>>());
            assert_eq!(taken.into, BatchId { number: last * STEP + 1, ..id(last) });
            let one = taken.gathered(events);
            assert_eq!((one.positions(), one.releases), ((0..events).collect(), 7));
            held.add(taken.into, one);
        };
        gathered(0, 299, 900);
        assert!(held.take_scattered(1, &none, Vec::new).is_none());
        for number in 501..801 {
            held.add(id(number), events(vec![0, 1, 2, 3], 7));
        }
        gathered(300, 599, 997);
        assert_eq!(held.lock().len(), 203);
    }

    #[test]
    fn nothing_is_gathered_across_a_batch_that_is_still_under_way() {
        let held = HeldBatches::default();
        let id = |number: i64| batch(number * STEP, 1);
        // The first of its key stays in the publisher's memory, and keeps its batch open.
        let is_open = |number: i64| number == 0 || number == 100;
        for number in (0..600).filter(|number| !is_open(*number)) {
            held.add(id(number), events(vec![0], 7));
        }
        let live = || (0..600).map(id).collect::<Vec<_>>();
        let none = BTreeSet::new();
        let taken = held.take_scattered(1, &none, live).expect("many");
        let numbers = |first: i64, last: i64| (first..=last).map(|n| n * STEP).collect::<Vec<_>>();
        assert_eq!(numbers_of(&taken.held), numbers(1, 99));
        assert_eq!(taken.into, batch(99 * STEP + 1, 1));
        for number in 600..700 {
            held.add(id(number), events(vec![0], 7));
        }
        let taken = held.take_scattered(1, &none, live).expect("many");
        assert_eq!(numbers_of(&taken.held), numbers(101, 699));
    }

    #[test]
    fn a_table_that_is_left_out_keeps_no_other_from_being_gathered() {
        let held = HeldBatches::default();
        let table = |number| if number < 600 { 1 } else { 2 };
        for number in 0..1_200 {
            held.add(batch(number * STEP, table(number)), events(vec![0], 7));
        }
        let tables = |taken: Option<ScatteredBatches>| taken.map(|taken| taken.into.table);
        let first = held.take_scattered(1, &BTreeSet::new(), Vec::new).expect("many");
        assert_eq!(first.into.table, 1);
        first.held.into_iter().for_each(|(batch, one)| held.add(batch, one));
        let failed = BTreeSet::from([1]);
        assert_eq!(tables(held.take_scattered(1, &failed, Vec::new)), Some(2));
        assert_eq!(tables(held.take_scattered(1, &failed, Vec::new)), None, "those are few");
    }
}
