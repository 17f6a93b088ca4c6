//! The time that the processes of a service share: that of its database.
//!
//! A process asks the database every few seconds and counts on by a clock that nobody sets. Its own
//! clock is a witness. While it and the database disagree, one of them is wrong: nothing is removed by
//! age, no message is refused that either clock allows, and new ids get the earlier time.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ballet_store::database::clock::ClockReading;
use jiff::{SignedDuration, Timestamp};

use crate::declare::handler::clock::Clock;

/// How long nothing is removed after the database's clock has leapt: time for people to see it.
const HELD: Duration = Duration::from_secs(24 * 60 * 60);
/// The most by which this process's own clock may differ and still give new ids their time. It costs
/// an id that much of the time for which receivers remember it.
const WITNESS: SignedDuration = SignedDuration::from_hours(24);
/// How long the database's clock has to stay where it was set ahead to before it lets a deadline
/// pass. A clock that is set back within that time has aborted no saga.
const SETTLE: Duration = Duration::from_secs(60);
/// The value before the database's first answer.
const UNKNOWN: i64 = i64::MIN;

#[derive(Clone)]
pub(crate) struct ProcessClocks {
    /// Tells the time that all processes of the service share, and draws this process's ids.
    pub(crate) clock: Clock,
    pub(crate) shared: Arc<SharedClock>,
}

impl ProcessClocks {
    pub(crate) fn new(own: Clock, bound: SignedDuration) -> Self {
        let shared = SharedClock::new(own, bound);
        Self { clock: shared.clock(), shared }
    }
}

/// The time that the processes of a service share.
pub(crate) struct SharedClock {
    own: Clock,
    /// The most by which two clocks may differ that agree.
    bound: SignedDuration,
    origin: Instant,
    /// The database's time at the origin, in microseconds.
    at_origin: AtomicI64,
    /// False while time passes on purpose: then only the database knows it.
    is_checked: AtomicBool,
    seen: Mutex<ClockComparison>,
}

/// The comparison of the clocks by the last answers of the database.
#[derive(Debug, Clone, Copy, Default)]
struct ClockComparison {
    /// How far this process's clock is ahead of the database's.
    ahead: Option<SignedDuration>,
    leap: Option<Leap>,
    /// The last leaps ahead, which no deadline follows yet.
    unsettled: Option<Leap>,
}

impl ClockComparison {
    /// Takes in a leap that is followed.
    fn unsettle(&mut self, by: SignedDuration, answered: Instant) {
        let before = self.unsettled.filter(|leap| answered < leap.until);
        let by = before.map_or(by, |before| before.by.saturating_add(by));
        self.unsettled = by.is_positive().then(|| Leap { by, until: answered + SETTLE });
    }
}

#[derive(Debug, Clone, Copy)]
struct Leap {
    by: SignedDuration,
    until: Instant,
}

impl SharedClock {
    pub(crate) fn new(own: Clock, bound: SignedDuration) -> Arc<Self> {
        let (origin, at_origin) = (Instant::now(), AtomicI64::new(UNKNOWN));
        let is_checked = AtomicBool::new(true);
        Arc::new(Self { own, bound, origin, at_origin, is_checked, seen: Mutex::default() })
    }

    /// Returns a clock that tells the shared time and draws ids from this process's source.
    pub(crate) fn clock(self: &Arc<Self>) -> Clock {
        if self.own.stands_still() {
            return self.own.clone();
        }
        let (shared, of_ids) = (Arc::clone(self), Arc::clone(self));
        self.own.with_time(move || shared.now(), move |now| of_ids.of_ids(now))
    }

    /// The later of the two clocks: what is ahead of both is ahead.
    pub(crate) fn latest(&self) -> Timestamp {
        if self.own.stands_still() {
            return self.own.now();
        }
        self.own.now().max(self.now())
    }

    /// The time of a new id: the earlier of the two clocks, so that nobody takes the id for one that
    /// is ahead. A clock that differs by more than a day does not count: receivers would take the id
    /// for an old one.
    fn of_ids(&self, shared: Timestamp) -> Timestamp {
        match self.witness() {
            Some(own) if own.duration_since(shared).abs() <= WITNESS => own.min(shared),
            Some(_) | None => shared,
        }
    }

    /// This process's own clock, if it counts beside the database's.
    fn witness(&self) -> Option<Timestamp> {
        self.is_checked.load(Ordering::Relaxed).then(|| self.own.now())
    }

    fn now(&self) -> Timestamp {
        self.at(Instant::now()).unwrap_or_else(|| self.own.now())
    }

    /// The shared time at a moment, if the database has ever answered.
    fn at(&self, moment: Instant) -> Option<Timestamp> {
        let at_origin = self.at_origin.load(Ordering::Relaxed);
        if at_origin == UNKNOWN {
            return None;
        }
        let since = micros(moment.saturating_duration_since(self.origin));
        Timestamp::from_microsecond(at_origin.saturating_add(since)).ok()
    }

    /// The time up to which deadlines pass: for a while after a leap ahead, the time before it. `None` where
    /// the database alone knows the time.
    pub(crate) fn settled(&self) -> Option<Timestamp> {
        self.settled_at(Instant::now())
    }

    fn settled_at(&self, moment: Instant) -> Option<Timestamp> {
        if self.own.stands_still() || !self.is_checked.load(Ordering::Relaxed) {
            return None;
        }
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let unsettled = seen.unsettled.filter(|leap| moment < leap.until);
        let by = unsettled.map_or(SignedDuration::ZERO, |leap| leap.by);
        self.at(moment)?.checked_sub(by).ok()
    }

    fn set(&self, moment: Instant, time: Timestamp) {
        let since = micros(moment.saturating_duration_since(self.origin));
        self.at_origin.store(time.as_microsecond().saturating_sub(since), Ordering::Relaxed);
    }

    /// Takes in an answer of the database, which read its clock between these moments.
    pub(crate) fn observe(&self, reading: ClockReading, asked: Instant, answered: Instant) {
        let half = answered.saturating_duration_since(asked) / 2;
        let moment = asked + half;
        let unsure = SignedDuration::try_from(half).unwrap_or(SignedDuration::MAX);
        let own = self.own.now();
        let ahead = own.duration_since(reading.now).saturating_sub(unsure);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.ahead = Some(ahead);
        self.is_checked.store(reading.is_checked, Ordering::Relaxed);
        let Some(expected) = self.at(moment) else {
            // This process knows no time before this one. Its own clock is the only other witness.
            let bound = self.bound.saturating_add(unsure);
            let by = reading.now.duration_since(own);
            if reading.is_checked && by > bound {
                seen.unsettle(by, answered);
            }
            return self.set(moment, reading.now);
        };
        let by = reading.now.duration_since(expected);
        let leapt = reading.is_checked && by.abs() > self.bound.saturating_add(unsure);
        if leapt && own.duration_since(expected).abs() <= self.bound.saturating_add(unsure) {
            // Two witnesses against one: the database's time is not followed.
            return;
        }
        if leapt {
            seen.leap = Some(Leap { by, until: answered + HELD });
            seen.unsettle(by, answered);
        }
        // Within its own round trip an answer tells nothing new.
        if by.abs() > unsure {
            self.set(moment, reading.now);
        }
    }

    /// How far this process's clock is ahead of the database's, if that has answered.
    pub(crate) fn ahead(&self) -> Option<SignedDuration> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).ahead
    }

    /// Says why nothing may be removed by age, if so.
    pub(crate) fn doubt(&self) -> Option<String> {
        self.doubt_at(Instant::now())
    }

    fn doubt_at(&self, moment: Instant) -> Option<String> {
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(ahead) = seen.ahead else {
            return Some("the database has not told its time yet".to_owned());
        };
        if !self.is_checked.load(Ordering::Relaxed) {
            return None;
        }
        if ahead.abs() > self.bound {
            let (by, where_to) =
                (words(ahead), if ahead.is_negative() { "behind" } else { "ahead of" });
            return Some(format!(
                "the clock of this process is {by} {where_to} the database's: set the wrong one; \
                 nothing old is removed by this process until they agree"
            ));
        }
        let leap = seen.leap.filter(|leap| moment < leap.until)?;
        let (by, to) = (words(leap.by), if leap.by.is_negative() { "back" } else { "ahead" });
        let hours = leap.until.saturating_duration_since(moment).as_secs().div_ceil(60 * 60);
        Some(format!(
            "the clock of the database was set {by} {to}: nothing old is removed by this process \
             for another {hours} h, or until it is restarted"
        ))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn words(duration: SignedDuration) -> String {
    let whole = SignedDuration::from_secs(duration.as_secs()).abs();
    format!("{whole:#}")
}

impl std::fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedClock").field("seen", &self.seen).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "shared_clock_tests.rs"]
mod tests;
