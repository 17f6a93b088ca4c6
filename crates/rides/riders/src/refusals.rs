//! What cannot be done with a rider, in a sentence each that says what can.

use axum::http::StatusCode;
use ballet::http::Problem;
use rides_access::Rider;
use rides_events::RiderId;

pub(crate) fn no_rider(rider_id: RiderId) -> Problem {
    Problem::not_found(format!("there is no rider {rider_id}"))
}

pub(crate) fn registered_before(rider_id: RiderId) -> Problem {
    Problem::conflict(format!(
        "rider {rider_id} is registered: change it with PUT /riders/{rider_id}"
    ))
}

/// Refuses those who may see only what is their own.
pub(crate) fn only_behind(caller: &Rider) -> Result<(), Problem> {
    match caller.only() {
        None => Ok(()),
        Some(own) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            format!("you are signed in as rider {own}: this list needs the scope rides:all"),
        )),
    }
}
