//! The bodies of requests by riders and drivers.

use rides_events::{DriverId, Point, QuoteId, RiderId};
use schemars::JsonSchema;
use serde::Deserialize;

/// The journey that a quote is asked for.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) struct Journey {
    /// The rider.
    pub(crate) rider_id: RiderId,
    /// The place where the rider waits.
    pub(crate) pickup: Point,
    /// The rider's destination.
    pub(crate) destination: Point,
}

/// The request for a ride at the price of a quote.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) struct RideRequest {
    /// The quote.
    pub(crate) quote_id: QuoteId,
}

/// The driver who says that the rider is there.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) struct RideArrival {
    /// The driver.
    pub(crate) driver_id: DriverId,
    /// The fare, from nothing to the quoted price. Only operators of rides name it.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub(crate) fare_minor: Option<i64>,
}

/// The driver who acts on a ride.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) struct ActingDriver {
    /// The driver.
    pub(crate) driver_id: DriverId,
}
