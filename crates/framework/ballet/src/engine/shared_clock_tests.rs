//! Clocks that differ, and clocks that are set.

use std::sync::atomic::{AtomicI64, Ordering};

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
        let time = move || Timestamp::from_second(told.load(Ordering::Relaxed)).expect("in range");
        let shared = SharedClock::new(Clock::new(time, 1), BOUND);
        let moment = shared.origin;
        let mut pair = Self { shared, own, database: begun, moment, is_checked: true };
        pair.go_on(0);
        pair
    }

    fn set_own(&self, by: SignedDuration) {
        self.own.fetch_add(by.as_secs(), Ordering::Relaxed);
    }

    fn go_on(&mut self, seconds: u64) {
        self.moment += Duration::from_secs(seconds);
        self.database += Duration::from_secs(seconds);
        self.own.fetch_add(i64::try_from(seconds).expect("few"), Ordering::Relaxed);
        let (now, is_checked) = (self.database, self.is_checked);
        let reading = ClockReading { now, is_checked, settled: None };
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
fn t208_a_leap_is_followed_once_both_clocks_have_told_it_for_minutes() {
    let hours = SignedDuration::from_hours;
    // The database alone leaps, and is not followed at all.
    let mut pair = Pair::new();
    pair.database += hours(2);
    pair.go_on(24 * 60 * 60);
    assert_eq!(pair.now(), pair.database - hours(2));
    // Both leap, as on one machine, and are set back.
    let mut pair = Pair::new();
    pair.database += hours(2);
    pair.set_own(hours(2));
    pair.go_on(200);
    assert_eq!(pair.now(), pair.database - hours(2));
    pair.database -= hours(2);
    pair.set_own(hours(-2));
    pair.go_on(5);
    assert_eq!((pair.now(), pair.doubt()), (pair.database, None));
    // Both were wrong before, and stay. The time before counts for nothing.
    pair.database += hours(2);
    pair.set_own(hours(2));
    for passed in [5, 200, 95] {
        pair.go_on(passed);
        assert_eq!(pair.now(), pair.database - hours(2));
        assert!(pair.doubt().expect("told").contains("nothing old is removed"));
    }
    pair.go_on(10);
    assert_eq!((pair.now(), pair.doubt()), (pair.database, None));
}

#[test]
fn t208_a_process_that_starts_while_the_clocks_differ_takes_the_earlier_that_is_possible() {
    let hours = SignedDuration::from_hours;
    let now = Timestamp::from_second(1_800_000_000).expect("in range");
    // By how much its own clock and the database's are wrong, since when the last process knew the time, and the
    // error of the time that it begins with.
    for (own, database, known, expected) in [
        (0, 2, Some(0), 0),
        (0, 25, Some(-5), 0),
        (0, 24 * 30, Some(-24), 0),
        (2, 0, Some(-5), 0),
        (-2, 0, Some(0), 0),
        (-24 * 120, 0, Some(-24), 0),
        (0, -2, Some(0), 0),
        // Nobody was there in the time that the clocks differ by.
        (-2, 0, Some(-5), -2),
        // The last one was wrong.
        (0, -2, Some(5), -2),
        // There is no last one.
        (0, 2, None, 0),
        (-2, 0, None, -2),
        (-48, 0, None, 0),
    ] {
        let shared = SharedClock::new(Clock::new(move || now + hours(own), 1), BOUND);
        let settled = known.map(|known| now + hours(known));
        let reading = ClockReading { now: now + hours(database), is_checked: true, settled };
        shared.observe(reading, shared.origin, shared.origin);
        let begins = shared.at(shared.origin).expect("a time");
        assert_eq!(begins, now + hours(expected), "{own} {database} {known:?}");
        assert!(shared.doubt_at(shared.origin).expect("told").contains("time goes on"));
    }
}

#[test]
fn time_that_passes_on_purpose_is_followed() {
    let mut pair = Pair::new();
    pair.is_checked = false;
    pair.database += DAY * 30;
    pair.go_on(5);
    assert_eq!(pair.now(), pair.database);
    assert_eq!((pair.doubt(), pair.shared.settled()), (None, None));
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
    let reading = ClockReading { now: pair.database, is_checked: true, settled: None };
    pair.shared.observe(reading, asked, asked + Duration::from_secs(4));
    assert_eq!(pair.now(), pair.database);
    assert_eq!(pair.doubt(), None);
}
