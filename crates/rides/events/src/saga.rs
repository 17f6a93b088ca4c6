//! The saga that the events of rides form.

use ballet_core::Saga;

use crate::dispatch::RideCancelled;

/// From the request to the end: drivers are asked one after the other, one picks the rider up, and the ride
/// takes as long as it takes.
#[derive(Debug)]
pub struct RideDispatch;

impl Saga for RideDispatch {
    const NAME: &'static str = "ride_dispatch";
    const OWNER: &'static str = "dispatch";
    type Abort = RideCancelled;
}
