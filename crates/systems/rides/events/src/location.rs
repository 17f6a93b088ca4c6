//! The events of location: the drivers' shifts, and their reservations for rides.

use ballet_core::{event, telemetry};
use jiff::Timestamp;

use crate::values::ids::{DriverId, RideId};
use crate::values::point::Point;

/// A driver takes rides from now on.
#[event("location.driver_online.v1", keys(driver = driver_id.made_here()))]
pub struct DriverOnline {
    /// The driver.
    pub driver_id: DriverId,
    /// The version of the driver's state. It grows with each change.
    pub version: i64,
    /// The number of seats for riders.
    pub seats: u8,
}

/// A driver takes no more rides. An open offer to the driver is over.
#[event("location.driver_offline.v1", keys(driver = driver_id))]
pub struct DriverOffline {
    /// The driver.
    pub driver_id: DriverId,
    /// The version of the driver's state. It grows with each change.
    pub version: i64,
    /// The ride for which the driver was reserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ride_id: Option<RideId>,
}

/// A driver is reserved for one ride, and for no other.
#[event("location.driver_reserved.v1", in_saga, packs, keys(ride = ride_id, driver = driver_id))]
pub struct DriverReserved {
    /// The ride.
    pub ride_id: RideId,
    /// The number of the offer in the ride.
    pub attempt: u16,
    /// The driver.
    pub driver_id: DriverId,
    /// The distance from the driver to the pickup, as the crow flies.
    pub distance_meters: u32,
}

/// No driver near the pickup is free and was not asked before.
#[event("location.no_driver_nearby.v1", in_saga, packs, keys(ride = ride_id))]
#[derive(Copy)]
pub struct NoDriverNearby {
    /// The ride.
    pub ride_id: RideId,
    /// The number that the offer would have had.
    pub attempt: u16,
}

/// A driver who was reserved for a ride does not drive it, and is free for others.
#[event(
    "location.reservation_cancelled.v1",
    in_saga, packs,
    keys(ride = ride_id, driver = driver_id)
)]
pub struct ReservationCancelled {
    /// The ride.
    pub ride_id: RideId,
    /// The number of the offer in the ride.
    pub attempt: u16,
    /// The driver.
    pub driver_id: DriverId,
}

/// A driver has driven a ride to its end, and is free for others.
#[event("location.driver_released.v1", in_saga, packs, keys(ride = ride_id, driver = driver_id))]
pub struct DriverReleased {
    /// The ride.
    pub ride_id: RideId,
    /// The driver.
    pub driver_id: DriverId,
}

/// A position of a driver. This is telemetry, not an event: the next position makes up for a lost one, and the latest
/// counts.
// Positions are outdated within minutes. They are kept to find out later what happened.
#[telemetry("location.position.v1", key = driver_id, partitions = 2, kept_days = 1)]
#[derive(Copy)]
pub struct Position {
    /// The driver.
    pub driver_id: DriverId,
    /// The place.
    pub at: Point,
    /// When location received the position. The clocks of drivers' devices decide nothing.
    pub seen_at: Timestamp,
}
