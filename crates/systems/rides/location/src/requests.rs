//! The bodies of requests by drivers.

use ballet::http::{Place, Problem};
use rides_events::Point;
use schemars::JsonSchema;
use serde::Deserialize;

const MOST_SEATS: u8 = 8;

/// The shift of a driver who goes online.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) struct Shift {
    /// The number of seats for riders.
    #[schemars(range(min = 1, max = 8))]
    pub(crate) seats: u8,
    /// The position of the driver.
    pub(crate) at: Point,
}

impl Shift {
    pub(crate) fn checked(self) -> Result<Self, Problem> {
        if (1..=MOST_SEATS).contains(&self.seats) {
            return Ok(self);
        }
        let detail = format!("seats has to be between 1 and {MOST_SEATS}");
        Err(Problem::unprocessable(detail).at(Place::body(["seats"])))
    }
}
