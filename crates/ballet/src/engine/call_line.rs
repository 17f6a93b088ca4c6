//! The calls of one step, or of its compensation: how many are held and made at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::engine::provider::Provider;
use crate::tables::calls::{Reach, Room};

/// How long a claimed call may wait in memory for its turn.
const WAIT: Duration = Duration::from_secs(30);
/// While the provider answers, this many times as many calls are held as are made at a time.
const HELD: usize = 8;

/// The calls of one step, or of its compensation.
#[derive(Debug)]
pub(crate) struct Line {
    step: &'static str,
    undo: bool,
    /// The most calls that are made at a time.
    limit: usize,
    time_limit: Duration,
    permits: Semaphore,
    pace: Mutex<Pace>,
}

#[derive(Debug, Default)]
struct Pace {
    /// The number of calls that are made, wait for their turn, or have an answer that is not
    /// committed.
    held: usize,
    provider: Provider,
    /// When to look for due calls, if some are expected.
    look_at: Option<Instant>,
    /// Whether calls may wait in the table for room. New calls then queue behind them.
    is_behind: bool,
}

impl Line {
    pub(crate) fn new(step: &'static str, undo: bool, limit: usize, time_limit: Duration) -> Self {
        let permits = Semaphore::new(limit);
        Self { step, undo, limit, time_limit, permits, pace: Mutex::default() }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_of(&self, step: &str, undo: bool) -> bool {
        self.step == step && self.undo == undo
    }

    /// How long one attempt may take.
    pub(crate) const fn time_limit(&self) -> Duration {
        self.time_limit
    }

    /// How long a call is claimed.
    pub(crate) const fn claim_time(&self) -> Duration {
        self.time_limit.saturating_add(WAIT)
    }

    /// Returns the longest time to the next claim of a call: its longest pause, or its claim.
    pub(crate) fn reach(&self, longest_pause: Duration) -> Reach {
        let longest = self.claim_time().max(longest_pause);
        Reach { step: self.step, undo: self.undo, longest }
    }

    /// Waits for the turn of a call.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.permits.acquire().await.ok()
    }

    /// Whether a new call may be held without a look at the table. If not, it waits there. While
    /// calls wait there for room, no new call overtakes them: each freed place would be taken at
    /// once, and they would wait as long as the line is busy.
    pub(crate) fn has_room_for_new(&self) -> bool {
        let mut pace = self.pace();
        if pace.provider.is_away() {
            return false;
        }
        let is_full = pace.held >= self.most_held(&pace);
        let is_late = pace.look_at.is_some_and(|at| self.count(&pace) == 0 && at <= Instant::now());
        pace.is_behind |= is_full || is_late;
        !pace.is_behind
    }

    pub(crate) fn add(&self) {
        self.pace().held += 1;
    }

    /// Removes a call. Returns true if that makes room for which calls may wait.
    pub(crate) fn remove(&self) -> bool {
        let mut pace = self.pace();
        pace.held = pace.held.saturating_sub(1);
        pace.look_at.is_some() && self.count(&pace) > 0
    }

    /// Returns the number of calls for which there is room.
    fn count(&self, pace: &Pace) -> usize {
        let most = self.most_held(pace);
        // Few large portions cost less than many small ones.
        if pace.provider.is_away() || pace.held <= most / 2 {
            most.saturating_sub(pace.held)
        } else {
            0
        }
    }

    /// Returns how many calls may be held: those that are made, and some that wait for their turn
    /// while the provider answers.
    fn most_held(&self, pace: &Pace) -> usize {
        if pace.provider.is_away() { self.limit } else { self.limit.saturating_mul(HELD) }
    }

    /// Returns the room for due calls, if it is time to look for them.
    pub(crate) fn room(&self, now: Instant, all_look: bool) -> Option<Room> {
        let mut pace = self.pace();
        let is_time = pace.look_at.is_some_and(|at| at <= now);
        let is_early = pace.provider.not_before().is_some_and(|at| at > now);
        let count = self.count(&pace);
        if !(all_look || is_time) || is_early {
            return None;
        }
        if count == 0 {
            // The look waits for room.
            (pace.is_behind, pace.look_at) = (true, Some(now));
            return None;
        }
        pace.look_at = pace.look_at.filter(|at| *at > now);
        Some(Room { step: self.step, undo: self.undo, count, claim_for: self.claim_time() })
    }

    /// Returns when to look for due calls, if some are expected and there is room.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        let pace = self.pace();
        let at = pace.look_at.filter(|_| self.count(&pace) > 0)?;
        Some(pace.provider.not_before().map_or(at, |not_before| not_before.max(at)))
    }

    /// Makes the line look for due calls at this time, or before.
    pub(crate) fn look_at(&self, at: Instant) {
        let mut pace = self.pace();
        pace.look_at = Some(pace.look_at.map_or(at, |before| before.min(at)));
    }

    /// Notes how many due calls were found in the room for `count`.
    pub(crate) fn looked(&self, count: usize, found: usize) {
        let now = Instant::now();
        let mut pace = self.pace();
        if found > 0 {
            pace.provider.begin_portion(now);
        }
        pace.is_behind = found >= count;
        if pace.is_behind {
            // There may be more.
            pace.look_at = Some(now);
        }
    }

    /// Notes that the provider answered. Returns true if it counted as away.
    pub(crate) fn answered(&self) -> bool {
        let mut pace = self.pace();
        let was_away = pace.provider.answered();
        if was_away {
            pace.look_at = Some(Instant::now());
        }
        was_away
    }

    /// Notes a failed attempt. Returns true if the provider counts as away from now on.
    pub(crate) fn failed(&self) -> bool {
        self.pace().provider.failed(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const LIMIT: usize = 20;

    fn line() -> Line {
        Line::new("rent_car", false, LIMIT, Duration::from_secs(30))
    }

    fn room(line: &Line) -> usize {
        line.room(Instant::now(), true).map_or(0, |room| room.count)
    }

    /// As if this many calls were claimed and failed.
    fn fail(line: &Line, count: usize) {
        line.looked(count, count);
        for _ in 0..count {
            line.failed();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn t189_a_line_slows_down_while_every_call_fails_and_goes_on_with_the_first_answer() {
        let line = line();
        assert_eq!(room(&line), LIMIT * HELD);
        assert!(line.has_room_for_new());
        fail(&line, LIMIT - 1);
        assert_eq!(room(&line), LIMIT * HELD, "some failures are not an outage");
        fail(&line, 1);
        assert!(!line.has_room_for_new());
        for pause in [1, 2, 4, 8, 10, 10] {
            assert_eq!(room(&line), 0);
            sleep(Duration::from_secs(pause)).await;
            assert_eq!(room(&line), LIMIT, "a portion after {pause} s");
            fail(&line, LIMIT);
        }
        assert!(line.answered(), "the provider was away");
        assert_eq!(room(&line), LIMIT * HELD);
        assert!(!line.answered());
    }

    /// Holds calls until there is no room.
    fn fill(line: &Line) {
        for _ in 0..LIMIT * HELD {
            assert!(line.has_room_for_new());
            line.add();
        }
    }

    /// As if calls were answered as fast as new ones come. Returns the room for due calls.
    fn room_under_load(line: &Line) -> Option<usize> {
        (0..LIMIT * HELD).find_map(|_| {
            line.remove();
            if line.has_room_for_new() {
                line.add();
            }
            line.room(Instant::now(), false).map(|room| room.count)
        })
    }

    #[tokio::test(start_paused = true)]
    async fn t189_new_calls_do_not_overtake_those_that_wait_for_room() {
        let line = line();
        fill(&line);
        assert!(!line.has_room_for_new());
        line.look_at(Instant::now());
        let count = room_under_load(&line).expect("the call without room is claimed");
        line.looked(count, count);
        assert!(!line.has_room_for_new(), "more may wait");
        assert!(line.room(Instant::now(), false).is_some());
        line.looked(count, 1);
        assert!(line.has_room_for_new(), "none waits");
    }

    #[tokio::test(start_paused = true)]
    async fn t189_a_retry_and_the_calls_of_others_find_room_while_a_line_is_busy() {
        let line = line();
        fill(&line);
        line.remove();
        line.look_at(Instant::now() + Duration::from_secs(1));
        assert!(line.has_room_for_new(), "the retry is not due");
        sleep(Duration::from_secs(1)).await;
        let count = room_under_load(&line).expect("room for the retry");
        line.looked(count, 1);

        while line.has_room_for_new() {
            line.add();
        }
        line.looked(count, 1);
        line.remove();
        assert!(line.has_room_for_new());
        assert!(line.room(Instant::now(), true).is_none());
        room_under_load(&line).expect("room for the calls of others");
    }

    #[tokio::test(start_paused = true)]
    async fn t189_a_line_looks_when_a_call_is_due_and_there_is_room() {
        let line = line();
        assert!(line.room(Instant::now(), false).is_none(), "nothing is expected");
        line.look_at(Instant::now() + Duration::from_secs(1));
        line.look_at(Instant::now() + Duration::from_secs(5));
        assert!(line.room(Instant::now(), false).is_none());
        sleep(Duration::from_secs(1)).await;
        for _ in 0..LIMIT * HELD {
            line.add();
        }
        assert!(line.room(Instant::now(), true).is_none());
        assert_eq!(line.next_look(), None, "it waits for room, not for a time");
        assert!((0..LIMIT * HELD / 2).any(|_| line.remove()), "that there is room is told");
        assert_eq!(line.room(Instant::now(), false).map(|room| room.count), Some(LIMIT * HELD / 2));
        assert!(line.room(Instant::now(), false).is_none(), "once");
    }
}
