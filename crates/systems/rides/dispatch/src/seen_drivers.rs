//! The drivers' last positions in memory, from location's stream.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use ballet::{Reading, Telemetry, TelemetryFollower};
use jiff::{SignedDuration, Timestamp};
use rides_events::DriverId;
use rides_events::location::Position;

/// Up to this age a position says where its driver is now.
const LATELY: SignedDuration = SignedDuration::from_mins(2);
/// A silent driver's last position is kept for this time.
const KEPT: SignedDuration = SignedDuration::from_hours(12);
/// From so many drivers on, silent ones are dropped.
const MANY: usize = 10_000;

#[derive(Debug, Clone, Default)]
pub(crate) struct SeenDrivers(Arc<RwLock<ReadPositions>>);

#[derive(Debug, Default)]
struct ReadPositions {
    drivers: HashMap<DriverId, Position>,
    /// The time of the last position, by partition.
    read: HashMap<u16, Timestamp>,
}

impl SeenDrivers {
    fn seen(&self) -> RwLockReadGuard<'_, ReadPositions> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn last(&self, driver_id: DriverId) -> Option<Position> {
        self.seen().drivers.get(&driver_id).copied()
    }

    pub(crate) fn lately(&self, driver_id: DriverId, now: Timestamp) -> Option<Position> {
        self.last(driver_id).filter(|seen| now.duration_since(seen.seen_at).abs() <= LATELY)
    }

    /// Whether the partition of this driver is read up to then. Only then does a driver's absence say anything.
    pub(crate) fn reads_since(&self, driver_id: DriverId, since: Timestamp) -> bool {
        let seen = self.seen();
        seen.read.get(&partition_of(driver_id)).is_some_and(|read| *read >= since)
    }
}

/// Positions are partitioned by their key.
fn partition_of(driver_id: DriverId) -> u16 {
    Position::TYPE.partition_of(&driver_id.0.into_bytes())
}

impl TelemetryFollower for SeenDrivers {
    const NAME: &'static str = "see_drivers";
    type Follows = Position;

    fn reaches_back(&self) -> SignedDuration {
        LATELY
    }

    fn take(&self, now: Timestamp, batch: &[Reading<Position>]) {
        let mut seen = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let ReadPositions { drivers, read } = &mut *seen;
        // A batch may jump over the capacity, so it is tested before.
        if drivers.len() >= MANY && drivers.len() + batch.len() > drivers.capacity() {
            drivers.retain(|_, seen| now.duration_since(seen.seen_at).abs() <= KEPT);
            drivers.reserve(batch.len());
        }
        // The stream has a driver's positions in their order.
        for Reading { value, partition, .. } in batch {
            drivers.insert(value.driver_id, *value);
            read.insert(*partition, value.seen_at);
        }
    }
}

#[cfg(test)]
mod tests {
    use rides_events::Point;
    use sqlx::types::Uuid;

    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn reading(driver_id: DriverId, lat: f64, at: i64) -> Reading<Position> {
        let at_place = Point::new(lat, 13.4).expect("on Earth");
        let value = Position { driver_id, at: at_place, seen_at: second(at) };
        assert_eq!(Position::TYPE.partition_of(value.key().as_ref()), partition_of(driver_id));
        Reading { value, partition: partition_of(driver_id), offset: 0, received: second(at) }
    }

    #[test]
    fn a_driver_is_where_the_stream_has_it_last_and_for_two_minutes() {
        let seen = SeenDrivers::default();
        let driver_id = DriverId(Uuid::from_u128(1));
        seen.take(second(100), &[reading(driver_id, 52.5, 9_000), reading(driver_id, 52.6, 100)]);
        assert_eq!(seen.lately(driver_id, second(219)).map(|seen| seen.at.lat()), Some(52.6));
        assert_eq!(seen.lately(driver_id, second(221)), None);
        assert_eq!(seen.last(driver_id).map(|seen| seen.at.lat()), Some(52.6));
        assert_eq!(seen.last(DriverId(Uuid::from_u128(2))), None);
    }

    #[test]
    fn the_absence_of_a_driver_needs_another_in_the_same_partition() {
        let seen = SeenDrivers::default();
        let in_partition = |partition| {
            let all = (1..).map(|number| DriverId(Uuid::from_u128(number)));
            all.filter(move |driver_id| partition_of(*driver_id) == partition)
        };
        let mut first = in_partition(0);
        let [driver, other, never] = [(); 3].map(|()| first.next().expect("drivers"));
        let elsewhere = in_partition(1).next().expect("a driver");
        assert!(!seen.reads_since(driver, second(100)), "nobody was seen");
        seen.take(second(100), &[reading(driver, 52.5, 90), reading(other, 52.5, 95)]);
        seen.take(second(130), &[reading(elsewhere, 52.5, 130)]);
        assert!(!seen.reads_since(driver, second(100)), "the other partition is away");
        assert!(!seen.reads_since(never, second(100)), "who was never seen has a partition, too");
        seen.take(second(131), &[reading(other, 52.5, 131)]);
        assert!(seen.reads_since(driver, second(100)) && seen.reads_since(never, second(100)));
    }
}
