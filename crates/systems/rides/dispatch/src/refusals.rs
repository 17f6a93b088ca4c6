//! The refusals of requests about rides. Each message says what the caller can do instead.

use axum::http::StatusCode;
use ballet::http::{Place, Problem};
use rides_events::{DriverId, Money, QuoteId, RideId, RiderId};

use crate::offer::OfferState;
use crate::ride::RideStatus;

pub(crate) fn no_ride(ride_id: RideId) -> Problem {
    Problem::not_found(format!("there is no ride {ride_id}"))
}

pub(crate) fn no_trip(ride_id: RideId, driver_id: DriverId) -> Problem {
    Problem::not_found(format!("ride {ride_id} was not offered to driver {driver_id}"))
}

pub(crate) fn no_quote(quote_id: QuoteId) -> Problem {
    let detail = format!("there is no quote {quote_id}: POST /quotes makes one");
    Problem::unprocessable(detail).at(Place::body(["quote_id"]))
}

pub(crate) fn too_old(quote_id: QuoteId) -> Problem {
    let detail = format!("quote {quote_id} is too old: ask for another with POST /quotes");
    Problem::new(StatusCode::GONE, detail).at(Place::body(["quote_id"]))
}

pub(crate) fn too_many(most: u16) -> Problem {
    let detail = format!(
        "{most} of your rides are not over, the limit of one rider (RIDES_OF_ONE): cancel one, or \
         wait until one is over"
    );
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).try_again()
}

/// The copy may not have a new rider yet, so a retry helps.
pub(crate) fn no_rider(rider_id: RiderId) -> Problem {
    Problem::not_yet(format!("dispatch does not know rider {rider_id} yet, if there is one"))
}

pub(crate) fn no_tariff() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no tariff is valid at the moment")
}

pub(crate) fn too_far(meters: i64, most: i64) -> Problem {
    let detail = format!("the way is {meters} m long, and a ride goes {most} m at most");
    Problem::unprocessable(detail).at(Place::body(["destination"]))
}

/// A position that was just sent is here in a moment, so a retry helps.
pub(crate) fn not_at_pickup(ride_id: RideId, meters: Option<f64>) -> Problem {
    let seen = meters.map_or("nowhere lately".to_owned(), |meters| format!("{meters:.0} m away"));
    let detail =
        format!("you were seen {seen}: send your position from the pickup of ride {ride_id}");
    Problem::conflict(detail).try_again()
}

/// A retry helps as in `not_at_pickup`.
pub(crate) fn not_seen(ride_id: RideId) -> Problem {
    let detail = format!("you were seen nowhere lately: send your position from ride {ride_id}");
    Problem::conflict(detail).try_again()
}

pub(crate) fn no_fare(price: Money) -> Problem {
    let Money { amount_minor, currency } = price;
    let detail =
        format!("fare_minor has to be between 0 and {amount_minor} (in {currency}), the price");
    Problem::unprocessable(detail).at(Place::body(["fare_minor"]))
}

pub(crate) fn in_the_car(ride_id: RideId) -> Problem {
    Problem::conflict(format!("ride {ride_id} has begun or is over: it can no longer be cancelled"))
}

pub(crate) fn not_over(ride_id: RideId) -> Problem {
    Problem::conflict(format!("ride {ride_id} is not over, so there is no receipt yet"))
}

pub(crate) fn offer_is(ride_id: RideId, state: OfferState) -> Problem {
    let why = match state {
        OfferState::Open => "its time is over",
        OfferState::Accepted => {
            "you have accepted it: start it at the pickup, or let the rider cancel"
        }
        OfferState::Declined => "you have declined it",
        OfferState::Expired => "its time is over, and the next driver is asked",
        OfferState::Offline => "you went offline",
        OfferState::Withdrawn => "the ride is cancelled",
        OfferState::Driven => "the ride is over",
    };
    Problem::conflict(format!("the offer of ride {ride_id} is not open: {why}"))
}

pub(crate) fn ride_is(ride_id: RideId, status: RideStatus) -> Problem {
    let why = match status {
        RideStatus::Requested | RideStatus::Searching | RideStatus::Offered => {
            "no driver has accepted it"
        }
        RideStatus::Accepted => "it gets its driver at this moment: try again",
        RideStatus::Assigned => "the rider is not in the car: start it first",
        RideStatus::PickedUp | RideStatus::Riding => "it is under way",
        RideStatus::Completed => "it is over",
        RideStatus::Cancelled => "it is cancelled",
    };
    let problem = Problem::conflict(format!("ride {ride_id} cannot be changed like this: {why}"));
    if status == RideStatus::Accepted { problem.try_again() } else { problem }
}
