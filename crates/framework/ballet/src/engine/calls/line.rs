//! The calls of one step, or of its compensation: how many are held and made at a time. Those that
//! were asked before are in a line of their own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ballet_store::calls::claims::CallRoom;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::engine::calls::provider::ProviderState;

/// How long a claimed call may wait in memory for its turn.
const WAIT: Duration = Duration::from_secs(30);
/// The maximum time limit of a call. A process that stops waits for its calls, and another makes a
/// frozen process's calls only after this time.
pub(crate) const LONGEST_CALL: Duration = Duration::from_secs(60 * 60);
/// While the provider answers, a line holds this many times its limit of calls.
const HELD: usize = 8;

#[derive(Debug, Clone, Copy)]
pub(crate) struct LineOf {
    pub(crate) step: &'static str,
    pub(crate) undo: bool,
    /// The maximum number of calls that are made at a time.
    pub(crate) limit: usize,
    pub(crate) time_limit: Duration,
}

#[derive(Debug)]
pub(crate) struct CallLine {
    of: LineOf,
    is_repeated: bool,
    /// The permits of both lines.
    permits: Arc<Semaphore>,
    /// The permits of calls that were asked before, so that the others always find some.
    own_permits: Option<Semaphore>,
    pace: Mutex<LineState>,
}

#[derive(Debug)]
pub(crate) struct CallTurn<'a> {
    _own: Option<SemaphorePermit<'a>>,
    _of_both: SemaphorePermit<'a>,
}

#[derive(Debug, Default)]
struct LineState {
    /// The number of calls that are made, wait for their turn, or have an uncommitted answer.
    held: usize,
    provider: ProviderState,
    look_at: Option<Instant>,
    /// Whether calls may wait in the table for room. New calls then queue behind them.
    is_behind: bool,
}

impl CallLine {
    /// The line of the calls that were not asked before, and that of those that were.
    pub(crate) fn of(of: LineOf) -> [Self; 2] {
        let permits = Arc::new(Semaphore::new(of.limit));
        // A quarter is kept for first attempts.
        let most_repeated = of.limit.saturating_sub(of.limit.div_ceil(4)).max(1);
        [None, Some(Semaphore::new(most_repeated))].map(|own_permits| {
            let (permits, pace) = (Arc::clone(&permits), Mutex::default());
            Self { of, is_repeated: own_permits.is_some(), permits, own_permits, pace }
        })
    }

    fn pace(&self) -> MutexGuard<'_, LineState> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_of(&self, step: &str, undo: bool, is_repeated: bool) -> bool {
        self.of.step == step && self.of.undo == undo && self.is_repeated == is_repeated
    }

    pub(crate) const fn time_limit(&self) -> Duration {
        self.of.time_limit
    }

    pub(crate) const fn claim_time(&self) -> Duration {
        self.of.time_limit.saturating_add(WAIT)
    }

    pub(crate) async fn turn(&self) -> Option<CallTurn<'_>> {
        let own = match &self.own_permits {
            Some(permits) => Some(permits.acquire().await.ok()?),
            None => None,
        };
        Some(CallTurn { _own: own, _of_both: self.permits.acquire().await.ok()? })
    }

    /// Whether a new call may be held without a look at the table. It may not overtake calls that
    /// wait in the table for room, since these would then wait as long as the line is busy.
    pub(crate) fn has_room_for_new(&self) -> bool {
        let mut pace = self.pace();
        let is_full = pace.held >= self.most_held(&pace);
        let is_late = pace.look_at.is_some_and(|at| self.count(&pace) == 0 && at <= Instant::now());
        pace.is_behind |= is_full || is_late;
        !pace.is_behind
    }

    pub(crate) fn add(&self) {
        self.pace().held += 1;
    }

    /// Returns true if that makes room for which calls may wait.
    pub(crate) fn remove(&self) -> bool {
        let mut pace = self.pace();
        pace.held = pace.held.saturating_sub(1);
        pace.look_at.is_some() && self.count(&pace) > 0
    }

    fn count(&self, pace: &LineState) -> usize {
        let most = self.most_held(pace);
        // Few large portions cost less than many small ones.
        if pace.provider.is_away() || pace.held <= most / 2 {
            most.saturating_sub(pace.held)
        } else {
            0
        }
    }

    /// Counts the calls that are made and, while the provider answers, some that wait for their
    /// turn.
    fn most_held(&self, pace: &LineState) -> usize {
        if pace.provider.is_away() { self.portion() } else { self.of.limit.saturating_mul(HELD) }
    }

    /// How many calls both lines of a step try at a time while the provider is unavailable.
    fn portion(&self) -> usize {
        self.of.limit.div_ceil(2)
    }

    pub(crate) fn room(&self, now: Instant, all_look: bool) -> Option<CallRoom> {
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
        Some(CallRoom {
            step: self.of.step,
            undo: self.of.undo,
            is_repeated: self.is_repeated,
            count,
            claim_for: self.claim_time(),
        })
    }

    pub(crate) fn next_look(&self) -> Option<Instant> {
        let pace = self.pace();
        let at = pace.look_at.filter(|_| self.count(&pace) > 0)?;
        Some(pace.provider.not_before().map_or(at, |not_before| not_before.max(at)))
    }

    pub(crate) fn look_at(&self, at: Instant) {
        let mut pace = self.pace();
        pace.look_at = Some(pace.look_at.map_or(at, |before| before.min(at)));
    }

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

    /// Returns true if the provider counted as unavailable.
    pub(crate) fn answered(&self) -> bool {
        let mut pace = self.pace();
        let was_away = pace.provider.answered();
        if was_away {
            pace.look_at = Some(Instant::now());
        }
        was_away
    }

    /// Returns true if the provider counts as unavailable from now on. First attempts never make it
    /// so, since those that failed may be at fault, and each of the others is made once.
    pub(crate) fn failed(&self) -> bool {
        self.is_repeated && self.pace().provider.failed(self.of.limit)
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
