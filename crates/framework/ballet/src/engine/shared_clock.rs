//! The time that the processes of a service share: that of its database, once it is settled.
//!
//! A process asks the database every few seconds and counts on by a clock that nobody sets. Without
//! its own clock as a second witness no answer moves the time. So while the clocks differ, whatever
//! ends by time ends late rather than early, and nothing is removed by age.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ballet_store::database::clock::ClockReading;
use jiff::{SignedDuration, Timestamp};

use crate::declare::handler::clock::Clock;

/// How long both clocks have to tell another time before it is followed.
const SETTLE: Duration = Duration::from_secs(5 * 60);
/// How far this process's own clock may be behind if nobody knows an earlier time. Elsewhere, ids
/// that are older count as forgotten.
const BEHIND: SignedDuration = SignedDuration::from_hours(24);

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
    /// By how much both clocks tell another time, which is not followed yet, and since when.
    leap: Option<(SignedDuration, Instant)>,
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

    /// The latest of all clocks. What is ahead of this time is ahead.
    pub(crate) fn latest(&self) -> Timestamp {
        let own = self.own.now();
        if self.own.stands_still() {
            return own;
        }
        let of_database = self.ahead().and_then(|ahead| own.checked_sub(ahead).ok());
        own.max(self.now()).max(of_database.unwrap_or(own))
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

    /// The shared time, for statements that would otherwise go by the database's; `None` if only
    /// the database knows it.
    pub(crate) fn settled(&self) -> Option<Timestamp> {
        let is_checked = self.seen().is_some_and(|seen| seen.is_checked);
        (is_checked && !self.own.stands_still()).then(|| self.now())
    }

    /// Takes in an answer of the database, which read its clock between these moments.
    pub(crate) fn observe(&self, reading: ClockReading, asked: Instant, answered: Instant) {
        let half = answered.saturating_duration_since(asked) / 2;
        let moment = asked + half;
        let unsure = SignedDuration::try_from(half).unwrap_or(SignedDuration::MAX);
        let own = self.own.now();
        let ahead = own.duration_since(reading.now).saturating_sub(unsure);
        let is_near = |by: SignedDuration| by.abs() <= self.bound.saturating_add(unsure);
        let by = |expected: Timestamp| reading.now.duration_since(expected);
        let expected = self.at(moment);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut leap = None;
        let now = match expected {
            _ if !reading.is_checked => reading.now,
            None if is_near(ahead) => reading.now,
            None => self.first(reading, own),
            Some(expected) if !is_near(ahead) => expected,
            // Within its own round trip an answer tells nothing new.
            Some(expected) if by(expected).abs() <= unsure => expected,
            Some(expected) if is_near(by(expected)) => reading.now,
            Some(expected) => {
                let by = by(expected);
                let known = seen.and_then(|seen| seen.leap);
                let known = known.filter(|(before, _)| is_near(before.saturating_sub(by)));
                let since = known.map_or(answered, |(_, since)| since);
                let is_settled = answered.saturating_duration_since(since) >= SETTLE;
                leap = (!is_settled).then_some((by, since));
                if is_settled { reading.now } else { expected }
            }
        };
        let since = moment.saturating_duration_since(self.origin);
        let at_origin = now.checked_sub(since).unwrap_or(now);
        *seen = Some(ClockComparison { at_origin, ahead, is_checked: reading.is_checked, leap });
    }

    /// If the clocks differ at the first answer, the earlier one counts, unless the service has
    /// seen a later time.
    fn first(&self, reading: ClockReading, own: Timestamp) -> Timestamp {
        let slack = self.bound.saturating_mul(2);
        let known = reading.settled.map_or(reading.now - BEHIND, |settled| settled - slack);
        let possible = [own, reading.now].into_iter().filter(|time| *time >= known);
        possible.min().unwrap_or(reading.now)
    }

    pub(crate) fn ahead(&self) -> Option<SignedDuration> {
        self.seen().map(|seen| seen.ahead)
    }

    pub(crate) fn doubt(&self) -> Option<String> {
        self.doubt_at(Instant::now())
    }

    fn doubt_at(&self, moment: Instant) -> Option<String> {
        let Some(ClockComparison { ahead, is_checked, leap, .. }) = self.seen() else {
            return Some("the database has not told its time yet".to_owned());
        };
        if !is_checked {
            return None;
        }
        if ahead.abs() > self.bound {
            let (by, where_to) =
                (words(ahead), if ahead.is_negative() { "behind" } else { "ahead of" });
            return Some(format!(
                "the clock of this process is {by} {where_to} the database's: set the wrong one; until they agree, \
                 time goes on as before, and nothing old is removed by this process"
            ));
        }
        let (by, since) = leap?;
        let left = SETTLE.saturating_sub(moment.saturating_duration_since(since)).as_secs();
        let (by, to) = (words(by), if by.is_negative() { "back" } else { "ahead" });
        Some(format!(
            "the clocks of the database and of this process were set {by} {to}: time goes on as before for another \
             {left} s, and follows if they stay; nothing old is removed by this process until then"
        ))
    }
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
