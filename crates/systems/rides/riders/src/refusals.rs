//! The refusals of requests about riders. Each message says what the caller can do instead.

use ballet::http::Problem;
use rides_events::RiderId;

pub(crate) fn no_rider(rider_id: RiderId) -> Problem {
    Problem::not_found(format!("there is no rider {rider_id}"))
}

pub(crate) fn registered_before(rider_id: RiderId) -> Problem {
    Problem::conflict(format!(
        "rider {rider_id} is registered: change it with PUT /riders/{rider_id}"
    ))
}
