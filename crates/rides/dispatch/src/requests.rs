//! What riders and drivers send.

use rides_events::{DriverId, Point, QuoteId, RiderId};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where somebody wants to go.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) struct Journey {
    /// The rider.
    pub(crate) rider_id: RiderId,
    /// Where the rider waits.
    pub(crate) pickup: Point,
    /// Where the rider wants to go.
    pub(crate) destination: Point,
}

/// A rider wants to be driven for the price of a quote.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) struct Request {
    /// The quote.
    pub(crate) quote_id: QuoteId,
}

/// What a driver says about a ride.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) struct Says {
    /// The driver.
    pub(crate) driver_id: DriverId,
}
