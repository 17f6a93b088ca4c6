//! The events of location: who drives, and which driver is there for which ride.

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
    /// It counts up with each change of what the driver does.
    pub version: i64,
    /// The number of seats for riders.
    pub seats: u8,
}

impl Event for DriverOnline {
    const TYPE: EventType = EventType::plain("location.driver_online.v1");
    const KEYS: &'static [Key] = &[DRIVER.made_here()];
}

/// A driver takes no rides any more. An offer that the driver has is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriverOffline {
    /// The driver.
    pub driver_id: DriverId,
    /// It counts up with each change of what the driver does.
    pub version: i64,
    /// The ride for which the driver was reserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ride_id: Option<RideId>,
}

impl Event for DriverOffline {
    const TYPE: EventType = EventType::plain("location.driver_offline.v1");
    const KEYS: &'static [Key] = &[DRIVER];
}

/// A driver is there for a ride, and for no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriverReserved {
    /// The ride.
    pub ride_id: RideId,
    /// The number of the offer in the ride.
    pub attempt: u16,
    /// The driver.
    pub driver_id: DriverId,
    /// The way from the driver to the pickup, as the crow flies.
    pub distance_meters: u32,
}

impl Event for DriverReserved {
    const TYPE: EventType = EventType::in_saga("location.driver_reserved.v1");
    const KEYS: &'static [Key] = &[RIDE, DRIVER];
}

/// No driver is near who is free and was not asked before.
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

/// A driver was reserved for a ride, and does not drive it: the driver is free for others.
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

/// Where a driver was. It is telemetry and no event: what is lost is made good by the next, and of two the later
/// counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// The driver.
    pub driver_id: DriverId,
    /// Where.
    pub at: Point,
    /// When location got it. The clocks of drivers' devices decide nothing.
    pub seen_at: Timestamp,
}

impl Telemetry for Position {
    /// Places are old within minutes: what is kept is for those who ask what happened.
    const TYPE: TelemetryType =
        TelemetryType::new("location.position.v1").partitions(2).kept_days(1);

    fn key(&self) -> impl AsRef<[u8]> {
        self.driver_id.0.into_bytes()
    }
}
