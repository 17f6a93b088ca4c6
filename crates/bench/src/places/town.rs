//! A made-up town with drivers everywhere, and one driver far outside whose positions are timed.

use anyhow::{Context, Result};
use jiff::Timestamp;
use rides_events::location::Position;
use rides_events::{DriverId, Point};
use uuid::Uuid;

/// Numbers between 0 and 1, the same in every run.
fn spread(number: u32, salt: u32) -> f64 {
    f64::from(number.wrapping_add(salt).wrapping_mul(0x9e37_79b9) >> 8) / f64::from(1_u32 << 24)
}

/// A position in the town.
pub(super) fn place(number: u32, salt: u32) -> Result<Point> {
    let (lat, lon) = (spread(number, salt), spread(number.rotate_left(16), salt));
    Point::new(52.3 + 0.4 * lat, 13.0 + 0.8 * lon).context("a place on the Earth")
}

/// A position far from all others, a little further north each time.
pub(super) fn remote_place(number: u32) -> Result<Point> {
    Point::new(10.0 + f64::from(number) * 1e-6, 40.0).context("a place on the Earth")
}

pub(super) fn seen(number: u32, at: Point, seen_at: Timestamp) -> Position {
    Position { driver_id: DriverId(Uuid::from_u128(number.into())), at, seen_at }
}
