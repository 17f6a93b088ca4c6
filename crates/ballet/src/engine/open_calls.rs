//! The external calls that this process holds, and how many of each step it makes at a time.
//!
//! A call is held from its claim until its answer is committed or its failure is recorded. The calls
//! of one step form a line, and those of its compensation another one. So a provider that hangs
//! holds up its own line only, and a compensation never waits for a step.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::declare::call_step::CallKey;
use crate::engine::call_line::Line;
use crate::engine::registry::Registry;
use crate::tables::calls::{NewCall, Reach, Room};

/// How often every line looks for calls that are due: those of processes that are gone, and those
/// that other processes had no room for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The answer to a call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) call: NewCall,
    pub(crate) answer: String,
    pub(crate) claim: Claim,
}

/// An attempt that failed, until it is recorded.
#[derive(Debug)]
pub(crate) struct FailedCall {
    pub(crate) call: NewCall,
    pub(crate) failure: String,
    /// The time to the next attempt; `None` for the usual one.
    pub(crate) pause: Option<Duration>,
    pub(crate) claim: Claim,
}

/// The calls that this process holds.
#[derive(Debug)]
pub(crate) struct OpenCalls {
    lines: HashMap<(&'static str, bool), Arc<Line>>,
    held: Mutex<HashSet<CallKey>>,
    failed: Mutex<Vec<FailedCall>>,
    next_look: Mutex<Instant>,
    changed: Notify,
}

impl OpenCalls {
    /// At most `limit` calls of each step, and of each compensation, are made at a time.
    pub(crate) fn new(registry: &Registry, limit: u16) -> Arc<Self> {
        let steps = registry.sagas.iter().flat_map(|saga| &saga.steps);
        let calling = steps.filter(|step| step.part().calls_outside);
        let lines = calling.flat_map(|step| {
            let (name, time_limit) = (step.part().name, step.call_time());
            [false, true].map(|undo| {
                ((name, undo), Arc::new(Line::new(name, undo, usize::from(limit), time_limit)))
            })
        });
        Arc::new(Self {
            lines: lines.collect(),
            held: Mutex::default(),
            failed: Mutex::default(),
            next_look: Mutex::new(Instant::now()),
            changed: Notify::new(),
        })
    }

    /// Claims the calls that a transaction requests and that there is room for. The table stores the
    /// claims. The other calls are due at once.
    pub(crate) fn claim_new(self: &Arc<Self>, calls: &[NewCall]) -> Vec<Option<Claim>> {
        let claim = |call: &NewCall| {
            let line = self.line(call).filter(|line| line.has_room_for_new())?;
            self.hold(call.key, line)
        };
        calls.iter().map(claim).collect()
    }

    /// Holds a call that this process has claimed in the table. Returns `None` if it holds it
    /// already, or does not know the step.
    pub(crate) fn claimed(self: &Arc<Self>, call: &NewCall) -> Option<Claim> {
        self.hold(call.key, self.line(call)?)
    }

    fn hold(self: &Arc<Self>, key: CallKey, line: &Arc<Line>) -> Option<Claim> {
        if !lock(&self.held).insert(key) {
            return None;
        }
        line.add();
        let until = Instant::now() + line.claim_time();
        Some(Claim { calls: Arc::clone(self), line: Arc::clone(line), key, until })
    }

    fn line(&self, call: &NewCall) -> Option<&Arc<Line>> {
        // The map's keys are the names of steps of this version.
        self.lines.values().find(|line| line.is_of(&call.step, call.undo))
    }

    /// Makes the call's line look for due calls after a time.
    pub(crate) fn look_after(&self, call: &NewCall, time: Duration) {
        if let Some(line) = self.line(call) {
            line.look_at(Instant::now() + time);
            self.changed.notify_one();
        }
    }

    /// Makes all lines look for due calls now.
    pub(crate) fn look_now(&self) {
        *lock(&self.next_look) = Instant::now();
        self.changed.notify_one();
    }

    /// Takes a failed attempt until it is recorded.
    pub(crate) fn failed(&self, failed: FailedCall) {
        lock(&self.failed).push(failed);
        self.changed.notify_one();
    }

    /// Returns the failed attempts that are not recorded.
    pub(crate) fn take_failed(&self) -> Vec<FailedCall> {
        std::mem::take(&mut lock(&self.failed))
    }

    /// Takes back failed attempts that could not be recorded.
    pub(crate) fn give_back(&self, failed: Vec<FailedCall>) {
        lock(&self.failed).extend(failed);
    }

    /// Returns when there are failures to record, or a line has room and looks for due calls.
    pub(crate) async fn until_due(&self) {
        loop {
            if !lock(&self.failed).is_empty() {
                return;
            }
            let lines = self.lines.values().filter_map(|line| line.next_look());
            let next = lines.chain([*lock(&self.next_look)]).min();
            let due = next.unwrap_or_else(Instant::now);
            if due <= Instant::now() {
                return;
            }
            tokio::select! {
                () = self.changed.notified() => {}
                () = sleep_until(due) => return,
            }
        }
    }

    /// Returns the room of each line that looks for due calls now.
    pub(crate) fn rooms(&self) -> Vec<Room> {
        let now = Instant::now();
        let mut next_look = lock(&self.next_look);
        let all_look = *next_look <= now;
        if all_look {
            *next_look = now + ballet_amqp::jittered(LOOK_EVERY);
        }
        self.lines.values().filter_map(|line| line.room(now, all_look)).collect()
    }

    /// Tells the line how many due calls were found in its room.
    pub(crate) fn looked(&self, room: &Room, found: usize) {
        if let Some(line) = self.lines.get(&(room.step, room.undo)) {
            line.looked(room.count, found);
        }
    }

    /// Returns the longest time to the next claim of each line's calls, given their longest pause.
    pub(crate) fn reaches(&self, longest_pause: Duration) -> Vec<Reach> {
        self.lines.values().map(|line| line.reach(longest_pause)).collect()
    }

    /// Returns the keys of the calls that this process holds.
    pub(crate) fn held(&self) -> Vec<Uuid> {
        lock(&self.held).iter().map(|key| key.0).collect()
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that this process holds. Dropping it lets the call go: it is due when the claim ends in the
/// table.
#[derive(Debug)]
pub(crate) struct Claim {
    calls: Arc<OpenCalls>,
    pub(crate) line: Arc<Line>,
    key: CallKey,
    until: Instant,
}

impl Claim {
    /// How long the call is claimed in the table.
    pub(crate) fn time(&self) -> Duration {
        self.line.claim_time()
    }

    /// Whether an attempt that begins now ends before the claim does.
    pub(crate) fn outlasts_an_attempt(&self) -> bool {
        Instant::now() + self.line.time_limit() <= self.until
    }

    /// Notes that the provider answered. A line that had slowed down goes on.
    pub(crate) fn answered(&self) {
        if self.line.answered() {
            self.calls.changed.notify_one();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        lock(&self.calls.held).remove(&self.key);
        if self.line.remove() {
            self.calls.changed.notify_one();
        }
    }
}
