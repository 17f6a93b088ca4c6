//! The external calls that this process holds, and how many of each step it makes at a time.
//!
//! A call is held from its claim until its answer is committed or its failure is recorded. The
//! calls of a step form a line, and those of its compensation another one, so a provider that hangs
//! holds up its own line only, and a compensation never waits for a step. Calls that failed before
//! have lines of their own, so a first attempt never waits behind them.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ballet_store::calls::claims::{self, CallRoom};
use ballet_store::calls::key::CallKey;
use ballet_store::calls::stored::{self, NewCall};
use sqlx::PgConnection;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::declare::erased::step::Handlers;
use crate::engine::calls::line::{CallLine, LineOf};
use crate::engine::registry::Registry;

/// How often every line looks for due calls of processes that are gone, or had no room.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The maximum number of looks of a [`Watch`](crate::Watch) at a time. Each takes a connection of
/// upkeep, which has as many more, so a look that hangs holds up nothing else.
pub(crate) const LOOKS: u16 = 4;

#[derive(Debug)]
pub(crate) struct CallAnswer {
    pub(crate) call: NewCall,
    /// `None` if the saga is aborted, and the other side is known to have done nothing.
    pub(crate) answer: Option<String>,
    pub(crate) claim: Claim,
    pub(crate) compensations: Compensations,
}

/// The compensations that the answer to a call of an aborted saga sets off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compensations {
    /// The last transaction that took the answer in has begun none.
    None,
    /// That transaction has begun them, so they may be why it failed.
    Along,
    /// They are left to a transaction of their own.
    Apart,
}

#[derive(Debug)]
pub(crate) struct FailedCall {
    pub(crate) call: NewCall,
    pub(crate) failure: String,
    pub(crate) then: CallFate,
    pub(crate) claim: Claim,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallFate {
    /// It is made again after the usual pause.
    Again,
    /// It is made again when the other side asks for it.
    After(Duration),
    /// The other side has the request and no outcome yet. It is asked after a while.
    Taken(Duration),
    /// It is not made again until a person asks for it.
    SetAside,
}

pub(crate) struct OpenCalls {
    /// The lines by step, whether it compensates, and whether the calls were asked before.
    lines: HashMap<(&'static str, bool, bool), Arc<CallLine>>,
    held: Mutex<HashSet<CallKey>>,
    failed: Mutex<Vec<FailedCall>>,
    next_look: Mutex<Instant>,
    changed: Notify,
    /// Whether new calls are left to other processes, while this one does not follow its streams.
    leaves_new: AtomicBool,
    answers: Box<dyn Fn(CallAnswer) + Send + Sync>,
}

impl OpenCalls {
    /// At most `limit` calls of each step, and of each compensation, are made at a time, and a few
    /// looks of a watch.
    pub(crate) fn new(
        registry: &Registry,
        limit: u16,
        answers: impl Fn(CallAnswer) + Send + Sync + 'static,
    ) -> Arc<Self> {
        let steps = registry.sagas.iter().flat_map(|saga| &saga.steps);
        let calling = steps.filter_map(|step| match &step.handlers {
            Handlers::Call(call) => {
                let limit = if call.step.watch().is_some() { limit.min(LOOKS) } else { limit };
                Some((call.name, usize::from(limit), call.step.call_time()))
            }
            Handlers::Local(_) => None,
        });
        let lines = calling.flat_map(|(name, limit, time_limit)| {
            [false, true].into_iter().flat_map(move |undo| {
                let of = LineOf { step: name, undo, limit, time_limit };
                let [first, repeated] = CallLine::of(of);
                [((name, undo, false), Arc::new(first)), ((name, undo, true), Arc::new(repeated))]
            })
        });
        Arc::new(Self {
            lines: lines.collect(),
            held: Mutex::default(),
            failed: Mutex::default(),
            next_look: Mutex::new(Instant::now()),
            changed: Notify::new(),
            leaves_new: AtomicBool::new(false),
            answers: Box::new(answers),
        })
    }

    /// Claims no new calls until work begins, since nobody would record how their attempts end.
    pub(crate) fn leave_new_ones(&self) {
        self.leaves_new.store(true, Ordering::Relaxed);
    }

    pub(crate) fn begin(&self) {
        self.leaves_new.store(false, Ordering::Relaxed);
    }

    /// Claims the requested calls that there is room for, as the table stores them. The others are
    /// due at once.
    pub(crate) fn claim_new(self: &Arc<Self>, calls: &[NewCall]) -> Vec<Option<Claim>> {
        let leaves_new = self.leaves_new.load(Ordering::Relaxed);
        let claim = |call: &NewCall| {
            let line = self.line(call).filter(|line| !leaves_new && line.has_room_for_new())?;
            self.hold(call.key, line)
        };
        calls.iter().map(claim).collect()
    }

    /// Claims and holds due calls of this room in the table, all but those that were held. A call
    /// that has come to be held since gets no claim, because a hint made it due while it was made.
    /// It stays due, so that what the attempt finds, perhaps without the hint, is not recorded.
    pub(crate) async fn claim(
        self: &Arc<Self>,
        db: &mut PgConnection,
        process: i64,
        rooms: &[CallRoom],
        held: &[Uuid],
    ) -> Result<Vec<(NewCall, Option<Claim>)>, sqlx::Error> {
        let found = claims::claim(db, process, rooms, held).await?;
        let hold = |call: NewCall| {
            let claim = self.line(&call).and_then(|line| self.hold(call.key, line));
            (call, claim)
        };
        let found: Vec<_> = found.into_iter().map(hold).collect();
        let made = found.iter().filter(|(_, claim)| claim.is_none());
        let made: Vec<CallKey> = made.map(|(call, _)| call.key).collect();
        stored::hurry(db, &made).await?;
        Ok(found)
    }

    fn hold(self: &Arc<Self>, key: CallKey, line: &Arc<CallLine>) -> Option<Claim> {
        if !lock(&self.held).insert(key) {
            return None;
        }
        line.add();
        let until = Instant::now() + line.claim_time();
        Some(Claim { calls: Arc::clone(self), line: Arc::clone(line), key, until })
    }

    fn line(&self, call: &NewCall) -> Option<&Arc<CallLine>> {
        // The map's keys are the names of steps of this version.
        self.lines.values().find(|line| line.is_of(&call.step, call.undo, call.is_repeated))
    }

    pub(crate) fn look_after(&self, call: &NewCall, time: Duration) {
        if let Some(line) = self.line(call) {
            line.look_at(Instant::now() + time);
            self.changed.notify_one();
        }
    }

    pub(crate) fn look_now(&self) {
        *lock(&self.next_look) = Instant::now();
        self.changed.notify_one();
    }

    pub(crate) fn answered(&self, answer: CallAnswer) {
        (self.answers)(answer);
    }

    pub(crate) fn failed(&self, failed: FailedCall) {
        lock(&self.failed).push(failed);
        self.changed.notify_one();
    }

    pub(crate) fn take_failed(&self) -> Vec<FailedCall> {
        std::mem::take(&mut lock(&self.failed))
    }

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

    pub(crate) fn rooms(&self) -> Vec<CallRoom> {
        let now = Instant::now();
        let mut next_look = lock(&self.next_look);
        let all_look = *next_look <= now;
        if all_look {
            *next_look = now + ballet_amqp::jittered(LOOK_EVERY);
        }
        self.lines.values().filter_map(|line| line.room(now, all_look)).collect()
    }

    pub(crate) fn looked(&self, rooms: &[CallRoom], found: &[(NewCall, Option<Claim>)]) {
        for line in self.lines.values() {
            let is_of = |room: &&CallRoom| line.is_of(room.step, room.undo, room.is_repeated);
            let Some(room) = rooms.iter().find(is_of) else { continue };
            let is_of = |(call, _): &&(NewCall, Option<Claim>)| {
                line.is_of(&call.step, call.undo, call.is_repeated)
            };
            line.looked(room.count, found.iter().filter(is_of).count());
        }
    }

    pub(crate) fn held(&self) -> Vec<Uuid> {
        lock(&self.held).iter().map(|key| key.0).collect()
    }
}

impl fmt::Debug for OpenCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenCalls").field("held", &self.held).finish_non_exhaustive()
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that this process holds. After a drop it is due when the claim ends in the table.
#[derive(Debug)]
pub(crate) struct Claim {
    calls: Arc<OpenCalls>,
    pub(crate) line: Arc<CallLine>,
    key: CallKey,
    until: Instant,
}

impl Claim {
    pub(crate) fn time(&self) -> Duration {
        self.line.claim_time()
    }

    pub(crate) fn outlasts_an_attempt(&self) -> bool {
        Instant::now() + self.line.time_limit() <= self.until
    }

    /// A line that had slowed down goes on.
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

#[cfg(test)]
#[path = "open_calls_tests.rs"]
mod tests;
