//! Drivers as they are stored and shown.

use ballet::TextEnum;
use common::rows::Time;
use jiff::Timestamp;
use rides_events::{DriverId, RideId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriverState {
    /// The driver takes no rides.
    Offline,
    /// The driver takes rides, and has none.
    Free,
    /// The driver is asked to drive, or on the way to the rider.
    Reserved,
    /// The rider is in the car.
    Riding,
}

/// A driver.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Driver {
    /// The driver.
    pub(crate) driver_id: DriverId,
    /// The version. It grows with each change of the state.
    pub(crate) version: i64,
    /// The state.
    pub(crate) state: DriverState,
    /// Whether the driver goes offline after the current ride.
    pub(crate) is_leaving: bool,
    /// The number of seats for riders.
    pub(crate) seats: i16,
    /// The ride for which the driver is reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ride_id: Option<RideId>,
    /// When the state was changed last.
    pub(crate) changed_at: Timestamp,
}

common::row! { Driver:
    driver_id, version, state as TextEnum, is_leaving, seats, ride_id, changed_at as Time,
}
