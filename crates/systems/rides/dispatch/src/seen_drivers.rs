//! The drivers' last positions in memory, as the stream of location has them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ballet::{Reading, TelemetryFollower};
use jiff::{SignedDuration, Timestamp};
use rides_events::DriverId;
use rides_events::location::Position;

/// The age up to which a position says where its driver is now.
const LATELY: SignedDuration = SignedDuration::from_mins(2);
/// The time for which the last position of a driver is kept who is silent.
const KEPT: SignedDuration = SignedDuration::from_hours(12);
/// The number of drivers from which on silent ones are dropped.
const MANY: usize = 10_000;

/// The last position of each driver, and its partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeenDrivers(Arc<RwLock<HashMap<DriverId, (Position, u16)>>>);

impl SeenDrivers {
    /// Returns the last position of a driver, however old.
    pub(crate) fn last(&self, driver_id: DriverId) -> Option<Position> {
        let seen = self.0.read().unwrap_or_else(PoisonError::into_inner);
        seen.get(&driver_id).map(|(position, _)| *position)
    }

    /// Returns the position of a driver who was seen lately.
    pub(crate) fn lately(&self, driver_id: DriverId, now: Timestamp) -> Option<Position> {
        self.last(driver_id).filter(|seen| now.duration_since(seen.seen_at).abs() <= LATELY)
    }

    /// Whether somebody was seen since then, in the partition of this driver: only then does the driver's absence say
    /// anything. Of a driver who was never seen, nobody knows the partition.
    pub(crate) fn reads_since(&self, driver_id: DriverId, since: Timestamp) -> bool {
        let seen = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let own = seen.get(&driver_id).map(|(_, partition)| *partition);
        seen.values().any(|(position, partition)| {
            position.seen_at >= since && own.is_none_or(|own| own == *partition)
        })
    }
}

impl TelemetryFollower for SeenDrivers {
    const NAME: &'static str = "see_drivers";
    type Follows = Position;

    fn reaches_back(&self) -> SignedDuration {
        LATELY
    }

    fn take(&self, now: Timestamp, batch: &[Reading<Position>]) {
        let mut seen = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // A batch may jump over the capacity, so it is asked for before.
        if seen.len() >= MANY && seen.len() + batch.len() > seen.capacity() {
            seen.retain(|_, (seen, _)| now.duration_since(seen.seen_at).abs() <= KEPT);
            seen.reserve(batch.len());
        }
        // The stream has a driver's positions in their order.
        let positions = batch.iter().map(|reading| (reading.value, reading.partition));
        seen.extend(positions.map(|position| (position.0.driver_id, position)));
    }
}

#[cfg(test)]
mod tests {
    use rides_events::Point;
    use sqlx::types::Uuid;

    use super::*;

    #[test]
    fn a_driver_is_where_the_stream_has_it_last_and_for_two_minutes() {
        let seen = SeenDrivers::default();
        let second = |second| Timestamp::from_second(second).expect("a time");
        let driver_id = DriverId(Uuid::from_u128(1));
        let reading = |lat, at| {
            let at_place = Point::new(lat, 13.4).expect("on Earth");
            let value = Position { driver_id, at: at_place, seen_at: second(at) };
            Reading { value, partition: 0, offset: 0, received: second(at) }
        };
        // The clock was ahead, and is set back.
        seen.take(second(100), &[reading(52.5, 9_000), reading(52.6, 100)]);
        assert_eq!(seen.lately(driver_id, second(219)).map(|seen| seen.at.lat()), Some(52.6));
        assert_eq!(seen.lately(driver_id, second(221)), None);
        assert_eq!(seen.last(driver_id).map(|seen| seen.at.lat()), Some(52.6));
        assert_eq!(seen.last(DriverId(Uuid::from_u128(2))), None);
    }

    #[test]
    fn the_absence_of_a_driver_needs_another_in_the_same_partition() {
        let seen = SeenDrivers::default();
        let second = |second| Timestamp::from_second(second).expect("a time");
        let driver = |number| DriverId(Uuid::from_u128(number));
        let reading = |number, partition, at| {
            let at_place = Point::new(52.5, 13.4).expect("on Earth");
            let value = Position { driver_id: driver(number), at: at_place, seen_at: second(at) };
            Reading { value, partition, offset: 0, received: second(at) }
        };
        assert!(!seen.reads_since(driver(1), second(100)), "nobody was seen");
        seen.take(second(100), &[reading(1, 0, 90), reading(2, 0, 95)]);
        seen.take(second(130), &[reading(3, 1, 130)]);
        assert!(!seen.reads_since(driver(1), second(100)), "the other partition is away");
        assert!(seen.reads_since(driver(4), second(100)), "it is in any partition");
        seen.take(second(131), &[reading(2, 0, 131)]);
        assert!(seen.reads_since(driver(1), second(100)));
    }
}
