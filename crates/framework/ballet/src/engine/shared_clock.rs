//! The time that the processes of a service share: that of its database.
//!
//! A process asks the database every few seconds and counts on by a clock that nobody sets. While its own clock
//! differs, one of the two is wrong, and nothing is removed by age.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ballet_store::database::clock::ClockReading;
use jiff::{SignedDuration, Timestamp};

use crate::declare::handler::clock::Clock;

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

pub(crate) struct SharedClock {
    own: Clock,
    /// The maximum difference between clocks that count as equal.
    bound: SignedDuration,
    origin: Instant,
    /// `None` before the database's first answer.
    seen: Mutex<Option<ClockComparison>>,
}

#[derive(Debug, Clone, Copy)]
struct ClockComparison {
    at_origin: Timestamp,
    /// How far this process's clock is ahead of the database's.
    ahead: SignedDuration,
    /// False while time passes on purpose, so that only the database knows it.
    is_checked: bool,
}

impl SharedClock {
    pub(crate) fn new(own: Clock, bound: SignedDuration) -> Arc<Self> {
        Arc::new(Self { own, bound, origin: Instant::now(), seen: Mutex::default() })
    }

    pub(crate) fn clock(self: &Arc<Self>) -> Clock {
        if self.own.stands_still() {
            return self.own.clone();
        }
        let shared = Arc::clone(self);
        self.own.with_time(move || shared.now())
    }

    /// The later of the two clocks. What is ahead of this time is ahead.
    pub(crate) fn latest(&self) -> Timestamp {
        let own = self.own.now();
        if self.own.stands_still() { own } else { own.max(self.now()) }
    }

    /// In microseconds, as Postgres keeps it, so that a handler's answer equals what is read later.
    fn now(&self) -> Timestamp {
        let now = self.at(Instant::now()).unwrap_or_else(|| self.own.now());
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// `None` before the database's first answer.
    fn at(&self, moment: Instant) -> Option<Timestamp> {
        self.seen()?.at_origin.checked_add(moment.saturating_duration_since(self.origin)).ok()
    }

    fn seen(&self) -> Option<ClockComparison> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an answer of the database, which read its clock between these moments.
    pub(crate) fn observe(&self, reading: ClockReading, asked: Instant, answered: Instant) {
        let half = answered.saturating_duration_since(asked) / 2;
        let moment = asked + half;
        let unsure = SignedDuration::try_from(half).unwrap_or(SignedDuration::MAX);
        let ahead = self.own.now().duration_since(reading.now).saturating_sub(unsure);
        // Within its own round trip an answer tells nothing new.
        let is_known = |known: &Timestamp| reading.now.duration_since(*known).abs() <= unsure;
        let now = self.at(moment).filter(is_known).unwrap_or(reading.now);
        let since = moment.saturating_duration_since(self.origin);
        let at_origin = now.checked_sub(since).unwrap_or(now);
        let seen = ClockComparison { at_origin, ahead, is_checked: reading.is_checked };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }

    pub(crate) fn ahead(&self) -> Option<SignedDuration> {
        self.seen().map(|seen| seen.ahead)
    }

    /// Why nothing is removed by age, if that is so.
    pub(crate) fn doubt(&self) -> Option<String> {
        let Some(ClockComparison { ahead, is_checked, .. }) = self.seen() else {
            return Some("the database has not told its time yet".to_owned());
        };
        (is_checked && ahead.abs() > self.bound).then(|| {
            let by = SignedDuration::from_secs(ahead.as_secs()).abs();
            let where_to = if ahead.is_negative() { "behind" } else { "ahead of" };
            format!(
                "the clock of this process is {by:#} {where_to} the database's: set the wrong one; until they agree, \
                 nothing old is removed by this process"
            )
        })
    }
}

impl std::fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedClock").field("seen", &self.seen).finish_non_exhaustive()
    }
}
