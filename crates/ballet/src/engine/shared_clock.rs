//! The time that the processes of a service share: that of its database.
//!
//! A process asks the database every few seconds and counts on by a clock that nobody sets. Its own
//! clock is a witness. While it and the database disagree, one of them is wrong: nothing is removed by
//! age, no message is refused that either clock allows, and new ids get the earlier time.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::declare::clock::Clock;
use crate::tables::clock::Reading;

/// How long nothing is removed after the database's clock has leapt: time for people to see it.
const HELD: Duration = Duration::from_secs(24 * 60 * 60);
/// The most by which this process's own clock may differ and still give new ids their time. It costs
/// an id that much of the time for which receivers remember it.
const WITNESS: SignedDuration = SignedDuration::from_hours(24);
/// How long the database's clock has to stand where it was set ahead to before it lets a deadline
/// pass. What is set back within that time has aborted no saga.
const SETTLE: Duration = Duration::from_secs(60);
/// Before the first answer.
const UNKNOWN: i64 = i64::MIN;

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
    seen: Mutex<Seen>,
}

/// What the last answers of the database showed.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// How far this process's clock is ahead of the database's.
    ahead: Option<SignedDuration>,
    leap: Option<Leap>,
    /// The last leaps ahead, which no deadline follows yet.
    unsettled: Option<Leap>,
}

impl Seen {
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

    /// The time up to which deadlines pass: after a leap ahead that of before, for a while. `None` where
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
    pub(crate) fn observe(&self, reading: Reading, asked: Instant, answered: Instant) {
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
            // Two witnesses against one. What the database says of the time is not followed.
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
mod tests {
    use super::*;

    const BOUND: SignedDuration = SignedDuration::from_mins(1);
    const DAY: SignedDuration = SignedDuration::from_hours(24);

    /// A process and its database. Each has a clock, and both can be set.
    struct Pair {
        shared: Arc<SharedClock>,
        own: Arc<AtomicI64>,
        database: Timestamp,
        moment: Instant,
        is_checked: bool,
    }

    impl Pair {
        fn new() -> Self {
            let begun = Timestamp::from_second(1_800_000_000).expect("in range");
            let own = Arc::new(AtomicI64::new(begun.as_second()));
            let told = Arc::clone(&own);
            let time =
                move || Timestamp::from_second(told.load(Ordering::Relaxed)).expect("in range");
            let shared = SharedClock::new(Clock::new(time, 1), BOUND);
            let moment = shared.origin;
            let mut pair = Self { shared, own, database: begun, moment, is_checked: true };
            pair.go_on(0);
            pair
        }

        fn set_own(&self, by: SignedDuration) {
            self.own.fetch_add(by.as_secs(), Ordering::Relaxed);
        }

        /// Lets some seconds pass, and asks the database.
        fn go_on(&mut self, seconds: u64) {
            self.moment += Duration::from_secs(seconds);
            self.database += Duration::from_secs(seconds);
            self.own.fetch_add(i64::try_from(seconds).expect("few"), Ordering::Relaxed);
            let reading = Reading { now: self.database, is_checked: self.is_checked };
            self.shared.observe(reading, self.moment, self.moment);
        }

        fn now(&self) -> Timestamp {
            self.shared.at(self.moment).expect("a time")
        }

        fn doubt(&self) -> Option<String> {
            self.shared.doubt_at(self.moment)
        }
    }

    #[test]
    fn t184_the_databases_time_counts_and_a_process_that_differs_removes_nothing() {
        let mut pair = Pair::new();
        assert_eq!(pair.doubt(), None);
        for days in [30, -120] {
            pair.set_own(DAY * days);
            pair.go_on(5);
            assert_eq!(pair.now(), pair.database);
            assert_eq!(pair.shared.ahead(), Some(DAY * days));
            let doubt = pair.doubt().expect("told");
            assert!(doubt.contains(&format!("{}h", (24 * days).abs())), "{doubt}");
            pair.set_own(DAY * -days);
            pair.go_on(5);
            assert_eq!(pair.doubt(), None);
        }
    }

    #[test]
    fn t184_two_clocks_that_differ_refuse_only_what_is_ahead_of_both() {
        for hours in [-23, -1, 0, 1, 23, 25, 24 * 120, -24 * 120] {
            let mut pair = Pair::new();
            let by = SignedDuration::from_hours(hours);
            pair.set_own(by);
            pair.go_on(5);
            let (own, shared) = (pair.database + by, pair.database);
            // `latest` goes by the machine's time, which does not move with the pair's.
            let close = SignedDuration::from_secs(60);
            let latest = pair.shared.latest();
            assert!(latest.duration_since(own.max(shared)).abs() < close, "{hours}: {latest}");
            let earliest = if hours.abs() <= 24 { own.min(shared) } else { shared };
            let drawn = pair.shared.clock().draw(shared);
            let drawn = ballet_core::id::time_of(drawn).expect("a time");
            assert!(drawn.duration_since(earliest).abs() < close, "{hours}: {drawn}");
        }
    }

    #[test]
    fn t184_a_database_that_leaps_alone_is_not_followed() {
        let mut pair = Pair::new();
        let before = pair.now();
        for days in [30, -60] {
            pair.database += DAY * days;
            pair.go_on(5);
            assert!(pair.doubt().is_some());
        }
        assert_eq!(pair.now().duration_since(before), SignedDuration::from_secs(10));
        pair.database += DAY * 30;
        pair.go_on(5);
        assert_eq!(pair.doubt(), None);
        assert_eq!(pair.now(), pair.database);
    }

    #[test]
    fn t184_after_a_leap_of_both_nothing_is_removed_for_a_day() {
        let mut pair = Pair::new();
        pair.set_own(DAY * 30);
        pair.database += DAY * 30;
        pair.go_on(5);
        assert_eq!(pair.now(), pair.database);
        assert!(pair.doubt().expect("told").contains("set 720h ahead"));
        pair.go_on(24 * 60 * 60);
        assert_eq!(pair.doubt(), None);
    }

    #[test]
    fn t208_a_leap_ahead_lets_no_deadline_pass_until_it_has_stood_for_a_minute() {
        let hours = SignedDuration::from_hours;
        // The database alone: it is not followed at all.
        let mut pair = Pair::new();
        let settled = |pair: &Pair| pair.shared.settled_at(pair.moment).expect("a time");
        pair.database += hours(2);
        pair.go_on(5);
        assert_eq!(settled(&pair), pair.database - hours(2));
        // Both leap, as on one machine, and are set back.
        let mut pair = Pair::new();
        pair.database += hours(2);
        pair.set_own(hours(2));
        pair.go_on(5);
        assert_eq!((pair.now(), settled(&pair)), (pair.database, pair.database - hours(2)));
        pair.database -= hours(2);
        pair.set_own(hours(-2));
        pair.go_on(5);
        assert_eq!(settled(&pair), pair.database);
        // Both were wrong before, and stay.
        pair.database += hours(2);
        pair.set_own(hours(2));
        for passed in [5, 30, 24] {
            pair.go_on(passed);
            assert_eq!(settled(&pair), pair.database - hours(2));
        }
        pair.go_on(10);
        assert_eq!(settled(&pair), pair.database);
    }

    #[test]
    fn t208_a_process_that_starts_while_the_database_is_ahead_waits_as_well() {
        let now = Timestamp::from_second(1_800_000_000).expect("in range");
        let shared = SharedClock::new(Clock::new(move || now, 1), BOUND);
        let (moment, by) = (shared.origin, SignedDuration::from_hours(2));
        let tell = |time, moment| {
            shared.observe(Reading { now: time, is_checked: true }, moment, moment);
        };
        tell(now + by, moment);
        assert_eq!(shared.settled_at(moment), Some(now));
        let later = moment + SETTLE;
        assert_eq!(shared.settled_at(later), Some(now + by + SETTLE), "its own clock is wrong");
        tell(now + Duration::from_secs(5), moment + Duration::from_secs(5));
        let then = moment + Duration::from_secs(5);
        assert_eq!(shared.settled_at(then), Some(now + Duration::from_secs(5)));
    }

    #[test]
    fn time_that_passes_on_purpose_is_followed() {
        let mut pair = Pair::new();
        pair.is_checked = false;
        pair.database += DAY * 30;
        pair.go_on(5);
        assert_eq!(pair.now(), pair.database);
        assert_eq!((pair.doubt(), pair.shared.settled_at(pair.moment)), (None, None));
    }

    /// Its own clock may be the first to know that days have passed.
    #[test]
    fn what_is_not_ahead_of_this_process_is_not_ahead_while_time_passes_on_purpose() {
        let mut pair = Pair::new();
        pair.is_checked = false;
        pair.set_own(DAY * 30);
        pair.go_on(5);
        assert_eq!(pair.shared.latest(), pair.shared.own.now());
        assert_eq!(pair.doubt(), None);
    }

    #[test]
    fn an_answer_that_took_long_changes_nothing_within_its_round_trip() {
        let pair = Pair::new();
        let asked = pair.moment;
        let reading = Reading { now: pair.database, is_checked: true };
        pair.shared.observe(reading, asked, asked + Duration::from_secs(4));
        assert_eq!(pair.now(), pair.database);
        assert_eq!(pair.doubt(), None);
    }
}
