//! The turns of this process's outbox tables: which one it writes to, and in which it left something
//! behind.
//!
//! A turn ends after a time, or when the table has its fill, so that whoever reads a whole table
//! reads a short one.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

/// How long a table is written to, if it is written to at all.
const TURN: SignedDuration = SignedDuration::from_secs(10);
/// The number of events after which the next table has its turn.
const FILL: u64 = 20_000;

#[derive(Debug)]
pub(crate) struct Turns {
    state: Mutex<TurnState>,
    /// The signal that the table has its fill.
    pub(crate) filled: Notify,
}

#[derive(Debug)]
struct TurnState {
    current: i16,
    begun: Timestamp,
    written: u64,
    left: BTreeMap<i16, LeftoverEvents>,
    notes: u64,
}

/// The events left behind in a table: committed, and in the memory of no living process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeftoverEvents {
    /// Tells this note from a later one about the same table.
    pub(crate) note: u64,
    /// The number of events, as far as it is known.
    pub(crate) events: i64,
    /// The time of the oldest of them.
    pub(crate) since: Option<Timestamp>,
}

impl Turns {
    pub(crate) fn new(first: i16, now: Timestamp) -> Self {
        let left = BTreeMap::new();
        let state = TurnState { current: first, begun: now, written: 0, left, notes: 0 };
        Self { state: Mutex::new(state), filled: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, TurnState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn current(&self) -> i16 {
        self.lock().current
    }

    pub(crate) fn wrote(&self, events: usize) {
        let mut inner = self.lock();
        inner.written += events as u64;
        if inner.written >= FILL {
            self.filled.notify_one();
        }
    }

    /// Returns true if it is time for the next table. A clock that is wrong or jumps does no harm.
    ///
    /// While the oldest unpublished event waits for longer than a turn, no table could be emptied
    /// after its turn. So then only a full table is left.
    pub(crate) fn is_over(&self, now: Timestamp, unpublished_since: Option<Timestamp>) -> bool {
        let inner = self.lock();
        let waits = unpublished_since.is_some_and(|since| now.duration_since(since) >= TURN);
        inner.written >= FILL || (inner.written > 0 && !waits && inner.has_had_its_time(now))
    }

    /// Returns true if nothing was written for the time of a turn. If the table holds rows all the
    /// same, a process that lost it while frozen wrote them.
    pub(crate) fn is_idle(&self, now: Timestamp) -> bool {
        let inner = self.lock();
        inner.written == 0 && inner.has_had_its_time(now)
    }

    /// Begins the turn of a table. The one before is to be looked at.
    pub(crate) fn begin(&self, table: i16, now: Timestamp) {
        let mut inner = self.lock();
        let before = inner.current;
        (inner.current, inner.begun, inner.written) = (table, now, 0);
        inner.note(before, 0, None);
    }

    /// Notes that a table is to be looked at, since events may be left behind in it.
    pub(crate) fn note_left(&self, table: i16, events: usize, since: Option<Timestamp>) {
        self.lock().note(table, i64::try_from(events).unwrap_or(i64::MAX), since);
    }

    pub(crate) fn left(&self) -> BTreeMap<i16, LeftoverEvents> {
        self.lock().left.clone()
    }

    /// Records what is left after a look that began at this note. A `settled` table has a mark for
    /// each batch.
    pub(crate) fn looked(
        &self,
        table: i16,
        at: Option<LeftoverEvents>,
        settled: bool,
        events: i64,
        since: Option<Timestamp>,
    ) {
        let mut inner = self.lock();
        let noted = inner.left.get(&table).map(|left| left.note);
        if noted != at.map(|left| left.note) {
            return;
        }
        match noted {
            Some(_) if settled => {
                inner.left.remove(&table);
            }
            Some(note) => {
                inner.left.insert(table, LeftoverEvents { note, events, since });
            }
            None if settled => {}
            None => inner.note(table, events, since),
        }
    }

    /// Returns true if a table is not written to, and no known event is left behind in it.
    pub(crate) fn may_be_emptied(&self, table: i16) -> bool {
        let inner = self.lock();
        inner.current != table && !inner.left.contains_key(&table)
    }
}

impl TurnState {
    fn has_had_its_time(&self, now: Timestamp) -> bool {
        now.duration_since(self.begun).abs() >= TURN
    }

    fn note(&mut self, table: i16, events: i64, since: Option<Timestamp>) {
        self.notes += 1;
        let before = self.left.get(&table).copied();
        let left = LeftoverEvents {
            note: self.notes,
            events: events + before.map_or(0, |left| left.events),
            since: before.and_then(|left| left.since).or(since),
        };
        self.left.insert(table, left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn a_turn_ends_after_a_time_or_when_the_table_has_its_fill() {
        let turns = Turns::new(4, at(0));
        assert!(!turns.is_over(at(100), None), "nothing was written");
        turns.wrote(1);
        assert!(!turns.is_over(at(9), None) && turns.is_over(at(10), None));
        assert!(turns.is_over(at(-10), None), "the clock was set back");
        assert!(turns.is_over(at(10), Some(at(1))), "an event is on its way");
        assert!(!turns.is_over(at(10), Some(at(0))), "the broker takes no events");
        turns.begin(5, at(10));
        assert!(turns.current() == 5 && !turns.is_over(at(30), None));
        turns.wrote(20_000);
        assert!(turns.is_over(at(10), Some(at(0))));
    }

    #[test]
    fn a_turn_is_idle_after_a_time_if_nothing_was_written() {
        let turns = Turns::new(4, at(0));
        assert!(!turns.is_idle(at(9)) && turns.is_idle(at(10)));
        turns.wrote(1);
        assert!(!turns.is_idle(at(10)));
    }

    #[test]
    fn what_is_left_behind_during_a_look_is_looked_at_again() {
        let turns = Turns::new(4, at(0));
        turns.note_left(4, 3, Some(at(1)));
        let before = turns.left()[&4];
        turns.note_left(4, 2, Some(at(2)));
        turns.looked(4, Some(before), true, 0, None);
        let left = turns.left()[&4];
        assert_eq!((left.events, left.since), (5, Some(at(1))));
        turns.looked(4, Some(left), true, 0, None);
        assert!(turns.left().is_empty());
    }

    #[test]
    fn a_table_may_be_emptied_after_its_turn_and_a_look() {
        let turns = Turns::new(4, at(0));
        assert!(!turns.may_be_emptied(4));
        turns.begin(5, at(10));
        assert!(!turns.may_be_emptied(4));
        turns.looked(4, turns.left().get(&4).copied(), true, 0, None);
        assert!(turns.may_be_emptied(4) && !turns.may_be_emptied(5));
    }
}
