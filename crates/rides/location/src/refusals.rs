//! The refusals of requests about drivers. The message of each says what the caller can do instead.

use axum::http::StatusCode;
use ballet::http::Problem;
use rides_access::DriverCaller;
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

/// Refuses callers that may see only their own data.
pub(crate) fn only_behind(caller: &DriverCaller) -> Result<(), Problem> {
    match caller.only() {
        None => Ok(()),
        Some(own) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            format!("you are signed in as driver {own}: this list needs the scope rides:all"),
        )),
    }
}
