//! Who sees and changes what in rides. A ride belongs to its rider, and to the driver who drives it or is
//! asked to. Each service judges its own requests, because it has the rows.

#![warn(missing_docs)]

use ballet_openapi::Owners;
use rides_events::{DriverId, RiderId};

/// Those who are driven. Only people and programs behind rides have the scope `rides:all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Riders;

impl Owners for Riders {
    type Id = RiderId;
    const NAME: &'static str = "rider";
    const ALL: &'static str = "rides:all";
}

/// Those who drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drivers;

impl Owners for Drivers {
    type Id = DriverId;
    const NAME: &'static str = "driver";
    const ALL: &'static str = "rides:all";
}

/// A rider, or somebody behind rides.
pub type Rider = ballet_openapi::Caller<Riders>;

/// A driver, or somebody behind rides.
pub type Driver = ballet_openapi::Caller<Drivers>;
