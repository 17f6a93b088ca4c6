//! Measures how fast the nearest drivers are found among a million while positions come. It does not run with the other
//! tests.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use location::index::DriverIndex;
use rides_events::location::Position;
use rides_events::{DriverId, Point};
use sqlx::types::Uuid;

const DRIVERS: u32 = 1_000_000;
const SEARCHES: u32 = 20_000;
/// This many updates every 10 milliseconds are 10,000 a second.
const UPDATES: u32 = 100;

/// Returns numbers between 0 and 1, the same in every run.
fn spread(number: u32, salt: u32) -> f64 {
    f64::from(number.wrapping_add(salt).wrapping_mul(0x9e37_79b9) >> 8) / f64::from(1_u32 << 24)
}

fn place(number: u32, salt: u32) -> Point {
    let (lat, lon) = (spread(number, salt), spread(number.rotate_left(16), salt));
    Point::new(52.3 + 0.4 * lat, 13.0 + 0.8 * lon).expect("on Earth")
}

fn seen(number: u32, at: Point, second: u32) -> Position {
    let seen_at = Timestamp::from_second(second.into()).expect("a time");
    Position { driver_id: DriverId(Uuid::from_u128(number.into())), at, seen_at }
}

#[test]
#[ignore = "a measurement of a million drivers"]
fn a_search_among_a_million_drivers_takes_less_than_a_millisecond_while_positions_come() {
    let (index, begun) = (DriverIndex::default(), Instant::now());
    let at = |second: u32| Timestamp::from_second(second.into()).expect("a time");
    for number in 0..DRIVERS {
        index.note_all([&seen(number, place(number, 0), 0)], at(0));
    }
    eprintln!("{DRIVERS} drivers are noted within {:?}", begun.elapsed());
    let (over, updates) = (AtomicBool::new(false), AtomicU32::new(0));
    let mut took: Vec<Duration> = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let done = updates.fetch_add(UPDATES, Ordering::Relaxed);
                for number in done..done + UPDATES {
                    let moved = number.wrapping_mul(7_919) % DRIVERS;
                    let to = place(moved, 1 + number % 5);
                    index.note_all([&seen(moved, to, 1 + number / 10_000)], at(0));
                }
                thread::sleep(Duration::from_millis(10));
            }
        });
        let begun = Instant::now();
        for number in 0..SEARCHES {
            let search = Instant::now();
            let near = index.nearest(place(number, 77), 16, at(60));
            took.push(search.elapsed());
            assert!(near.len() >= 16, "{near:?}");
        }
        over.store(true, Ordering::Relaxed);
        eprintln!("{} updates in {:?}", updates.load(Ordering::Relaxed), begun.elapsed());
    });
    took.sort_unstable();
    let at_share = |percent: usize| took[took.len() * percent / 100];
    eprintln!("a search takes {:?} (p50), {:?} (p99)", at_share(50), at_share(99));
    assert!(at_share(99) < Duration::from_millis(1));
}
