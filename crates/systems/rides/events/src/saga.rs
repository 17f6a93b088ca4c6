//! The saga of rides.

use ballet_core::Saga;

use crate::dispatch::RideCancelled;

/// A ride from the request to the end: drivers are asked one after the other, and one picks the rider up.
#[derive(Debug)]
pub struct RideDispatch;

impl Saga for RideDispatch {
    const NAME: &'static str = "ride_dispatch";
    const OWNER: &'static str = "dispatch";
    type Abort = RideCancelled;
}
