//! The saga of rides.

use ballet_core::saga;

use crate::dispatch::RideCancelled;

/// A ride from the request to the end: drivers are asked one after the other, and one picks the rider up.
#[saga("ride_dispatch", owner = "dispatch", abort = RideCancelled)]
pub struct RideDispatch;
