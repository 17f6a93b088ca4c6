//! The refusals of requests about drivers. Each message says what the caller can do instead.

use ballet::http::Problem;
use rides_events::DriverId;

pub(crate) fn no_driver(driver_id: DriverId) -> Problem {
    Problem::not_found(format!(
        "there is no driver {driver_id}: it was never online, or is not who is signed in"
    ))
}

pub(crate) fn riding(driver_id: DriverId) -> Problem {
    Problem::conflict(format!(
        "driver {driver_id} has a rider in the car: complete the ride, then go offline"
    ))
}
