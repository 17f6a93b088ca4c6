//! The refusals of requests about riders. Each message says what the caller can do instead.

use axum::http::StatusCode;
use ballet::http::{Place, Problem};
use rides_events::RiderId;
use rides_events::riders::Rider;

pub(crate) fn no_rider(rider_id: RiderId) -> Problem {
    Problem::not_found(format!("there is no rider {rider_id}"))
}

pub(crate) fn registered_before(rider_id: RiderId) -> Problem {
    Problem::conflict(format!(
        "rider {rider_id} is registered: change it with PUT /riders/{rider_id}"
    ))
}

pub(crate) fn other_version(now: &Rider) -> Problem {
    let Rider { rider_id, version, .. } = now;
    let detail = format!("rider {rider_id} is at version {version} now: read it again");
    Problem::new(StatusCode::PRECONDITION_FAILED, detail).at(Place::header("If-Match"))
}
