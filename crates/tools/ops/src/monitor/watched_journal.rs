//! The journal under a monitor: one task reads it, and another asks the broker where it ends.

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ballet_amqp::Broker;
use ballet_core::System;
use jiff::{SignedDuration, Timestamp};

use crate::monitor::entry::WatchedEntry;
use crate::monitor::judge::Monitor;
use crate::stream::{JournalError, JournalItem, Notice, end};

/// A new monitor reads so many earlier entries, so that sagas under way are judged, too.
const BACK: u64 = 50_000;
/// Each question is a connection.
const ASK_EVERY: SignedDuration = SignedDuration::from_secs(4);

/// A monitor that tasks share. What is absent is missing only when the last entry has been read that the journal had
/// after the patience.
pub struct WatchedJournal(Mutex<State>);

struct State {
    monitor: Monitor,
    /// The offset behind the last entry.
    next: u64,
    /// The same at the last look. Of that entry, all members of a pack have been read since.
    next_before: u64,
    /// The offset behind the journal's last entry at a time, until it is reached.
    end: Option<(u64, Timestamp)>,
    asked_at: Option<Timestamp>,
}

impl WatchedJournal {
    /// What is absent counts as missing when its saga has been silent for this long.
    #[must_use]
    pub fn new(system: &System, patience: SignedDuration) -> Self {
        let monitor = Monitor::new(system, patience);
        Self(Mutex::new(State { monitor, next: 0, next_before: 0, end: None, asked_at: None }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls this with the monitor.
    pub fn with<T>(&self, look: impl FnOnce(&mut Monitor) -> T) -> T {
        look(&mut self.state().monitor)
    }

    /// Returns the offset to read from, for a reader that needs the entries from this one on. It is earlier if the
    /// monitor lacks entries before.
    pub fn goes_on_at(&self, offset: u64) -> u64 {
        let mut state = self.state();
        let from = state.next.max(offset.saturating_sub(BACK)).min(offset);
        if from > state.next {
            state.monitor.gap();
        }
        from
    }

    /// Says that the journal is another one, or has lost its end.
    pub fn is_another(&self) {
        let mut state = self.state();
        (state.next, state.next_before, state.end, state.asked_at) = (0, 0, None, None);
        state.monitor.gap();
    }

    /// Takes what the reader returns. What was read before is passed over.
    pub fn read(&self, item: &JournalItem, now: Timestamp) {
        let mut state = self.state();
        match item {
            JournalItem::Record(record) => {
                let offset = record.offset.unwrap_or_default();
                // Members of a pack share an offset.
                if offset + 1 < state.next {
                    return;
                }
                state.next = offset + 1;
                if let Some(entry) = WatchedEntry::of(record, offset, now) {
                    state.monitor.take(&entry);
                }
            }
            JournalItem::Notice(notice) => {
                if let Notice::Unreadable(offset) = notice {
                    state.next = state.next.max(offset + 1);
                }
                if matches!(notice, Notice::Cut { .. } | Notice::Unreadable(_)) {
                    state.monitor.gap();
                }
            }
        }
    }

    /// Judges what is absent, if the journal's end was reached. Asks for the end if something else may be missing. To be
    /// called about once a second, beside the reading.
    ///
    /// # Errors
    ///
    /// If the broker does not say where the journal ends. What is absent is then not judged.
    pub async fn look(&self, broker: &Arc<dyn Broker>, now: Timestamp) -> Result<(), JournalError> {
        if self.state().needs_end(now) {
            let end = end(broker).await?;
            let mut state = self.state();
            // It is not the end of a journal that came meanwhile.
            if state.asked_at == Some(now) {
                state.end = Some((end.map_or(0, |end| end + 1), now));
            }
        }
        Ok(())
    }
}

impl State {
    fn needs_end(&mut self, now: Timestamp) -> bool {
        let read = mem::replace(&mut self.next_before, self.next);
        if let Some((end, at)) = self.end {
            if read < end {
                return false;
            }
            self.end = None;
            self.monitor.has_read_all(at);
        }
        let is_soon = self.asked_at.is_some_and(|at| now.duration_since(at).abs() < ASK_EVERY);
        if is_soon || !self.monitor.may_lack(now) {
            return false;
        }
        self.asked_at = Some(now);
        true
    }
}

impl fmt::Debug for WatchedJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedJournal").finish_non_exhaustive()
    }
}
