//! The owners of rides' data, and the callers that act for them. A ride belongs to its rider, and to the driver who
//! drives it or is asked to. Each service authorises its own requests, because it has the rows.

use ballet::openapi::Owners;

use crate::values::ids::{DriverId, RiderId};

/// Riders as owners of data. Only the operators of rides and their programs have the scope `rides:all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Riders;

impl Owners for Riders {
    type Id = RiderId;
    const NAME: &'static str = "rider";
    const ALL: &'static str = "rides:all";
}

/// Drivers as owners of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drivers;

impl Owners for Drivers {
    type Id = DriverId;
    const NAME: &'static str = "driver";
    const ALL: &'static str = "rides:all";
}

/// A caller that is a rider or an operator of rides.
pub type RiderCaller = ballet::openapi::Caller<Riders>;

/// A caller that is a driver or an operator of rides.
pub type DriverCaller = ballet::openapi::Caller<Drivers>;
