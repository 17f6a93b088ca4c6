//! The events of location: the drivers' shifts, and their reservations for rides.

use ballet_core::{Event, EventType, Key, Telemetry, TelemetryType};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::keys::{DRIVER, RIDE};
use crate::values::ids::{DriverId, RideId};
use crate::values::point::Point;

/// A driver takes rides from now on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriverOnline {
    /// The driver.
    pub driver_id: DriverId,
    /// The version of the driver's state. It grows with each change.
    pub version: i64,
    /// The number of seats for riders.
    pub seats: u8,
}

impl Event for DriverOnline {
    const TYPE: EventType = EventType::plain("location.driver_online.v1");
    const KEYS: &'static [Key] = &[DRIVER.made_here()];
}

/// A driver takes no more rides. An open offer to the driver is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriverOffline {
    /// The driver.
    pub driver_id: DriverId,
    /// The version of the driver's state. It grows with each change.
    pub version: i64,
    /// The ride for which the driver was reserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ride_id: Option<RideId>,
}

impl Event for DriverOffline {
    const TYPE: EventType = EventType::plain("location.driver_offline.v1");
    const KEYS: &'static [Key] = &[DRIVER];
}

/// A driver is reserved for one ride, and for no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl Event for DriverReserved {
    const TYPE: EventType = EventType::in_saga("location.driver_reserved.v1");
    const KEYS: &'static [Key] = &[RIDE, DRIVER];
}

/// No driver near the pickup is free and was not asked before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoDriverNearby {
    /// The ride.
    pub ride_id: RideId,
    /// The number that the offer would have had.
    pub attempt: u16,
}

impl Event for NoDriverNearby {
    const TYPE: EventType = EventType::in_saga("location.no_driver_nearby.v1");
    const KEYS: &'static [Key] = &[RIDE];
}

/// A driver who was reserved for a ride does not drive it, and is free for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReservationCancelled {
    /// The ride.
    pub ride_id: RideId,
    /// The number of the offer in the ride.
    pub attempt: u16,
    /// The driver.
    pub driver_id: DriverId,
}

impl Event for ReservationCancelled {
    const TYPE: EventType = EventType::in_saga("location.reservation_cancelled.v1");
    const KEYS: &'static [Key] = &[RIDE, DRIVER];
}

/// A driver has driven a ride to its end, and is free for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriverReleased {
    /// The ride.
    pub ride_id: RideId,
    /// The driver.
    pub driver_id: DriverId,
}

impl Event for DriverReleased {
    const TYPE: EventType = EventType::in_saga("location.driver_released.v1");
    const KEYS: &'static [Key] = &[RIDE, DRIVER];
}

/// A position of a driver. This is telemetry, not an event: the next position makes up for a lost one, and the latest
/// counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// The driver.
    pub driver_id: DriverId,
    /// The place.
    pub at: Point,
    /// When location received the position. The clocks of drivers' devices decide nothing.
    pub seen_at: Timestamp,
}

impl Telemetry for Position {
    /// Positions are outdated within minutes. They are kept to find out later what happened.
    const TYPE: TelemetryType =
        TelemetryType::new("location.position.v1").partitions(2).kept_days(1);

    fn key(&self) -> impl AsRef<[u8]> {
        self.driver_id.0.into_bytes()
    }
}
