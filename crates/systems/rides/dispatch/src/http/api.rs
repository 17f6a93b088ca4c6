//! The routes and their descriptions.

use axum::Router;
use axum::http::StatusCode;
use ballet::Handle;
use ballet::openapi::{Api, Operation, json};

use crate::config::DispatchSettings;
use crate::expiry;
use crate::http::state::DispatchState;
use crate::http::{rides, trips};
use crate::old_quotes;
use crate::verifier::Verifier;

pub(crate) fn routes(handle: Handle, settings: DispatchSettings, verifier: Verifier) -> Router {
    tokio::spawn(expiry::run(handle.clone(), settings.offers_per_ride));
    tokio::spawn(old_quotes::run(handle.clone()));
    api().router(DispatchState { handle, settings, verifier })
}

pub(crate) fn api() -> Api<DispatchState> {
    trips(rides(Api::new("dispatch", "Rides, their offers to drivers, and their prices.")))
}

fn rides(api: Api<DispatchState>) -> Api<DispatchState> {
    let (ok, missing, none) = (StatusCode::OK, StatusCode::NOT_FOUND, "There is no such ride.");
    api.post(
        "/quotes",
        rides::quote,
        Operation::new("quote", "Ask for the price of a ride")
            .about(
                "A ride that is requested with the quote costs this price, however long the way is in the end. The \
                 rider is one that `register_rider` returned.",
            )
            .example(json!({
                "rider_id": "0190a000-0000-7000-8000-000000000001",
                "pickup": { "lat": 52.52, "lon": 13.405 },
                "destination": { "lat": 52.50, "lon": 13.45 },
            }))
            .refuses(StatusCode::FORBIDDEN, "It is for another rider.")
            .refuses(StatusCode::UNPROCESSABLE_ENTITY, "The way is longer than a ride goes.")
            .not_yet("A rider who registered a moment ago may not be known here yet.")
            .refuses(StatusCode::SERVICE_UNAVAILABLE, "No tariff is valid."),
    )
    .get(
        "/rides",
        rides::list,
        Operation::new("list_rides", "List rides")
            .about("The newest come first. A rider has only its own. `live` leaves out those that are over."),
    )
    .post(
        "/rides",
        rides::request,
        Operation::new("request_ride", "Request a ride for a quoted price")
            .about(
                "A request that is sent again gets the same ride: there is one ride for a quote. A card \
                 that is declined cancels it. The quote is one that `quote` returned.",
            )
            .example(json!({ "quote_id": "0190a000-0000-7000-8000-000000000002" }))
            .answers(StatusCode::CREATED, "The ride. Once its price is held on the rider's card, the search for a driver begins.")
            .refuses(StatusCode::GONE, "The quote is too old.")
            .try_again(
                StatusCode::TOO_MANY_REQUESTS,
                "The rider has too many rides that are not over.",
            ),
    )
    .get(
        "/rides/{ride_id}",
        rides::read,
        Operation::new("read_ride", "Read a ride").refuses(missing, none),
    )
    .get(
        "/rides/{ride_id}/receipt",
        rides::receipt,
        Operation::new("read_receipt", "Read the receipt of a ride")
            .refuses(missing, none)
            .refuses(StatusCode::CONFLICT, "The ride is not over."),
    )
    .post(
        "/rides/{ride_id}/cancel",
        rides::cancel,
        Operation::new("cancel_ride", "Cancel a ride")
            .about("A ride that has had a driver for some minutes costs what the tariff says.")
            .answers(StatusCode::ACCEPTED, "The ride is cancelled. The driver is told.")
            .answers(ok, "The ride was cancelled before.")
            .refuses(missing, none)
            .refuses(StatusCode::CONFLICT, "The rider is in the car."),
    )
}

fn trips(api: Api<DispatchState>) -> Api<DispatchState> {
    let (ok, missing, none) =
        (StatusCode::OK, StatusCode::NOT_FOUND, "The ride was not offered to this driver.");
    let accepted = "A ride that was just accepted gets its driver in a moment, and a position that was just sent \
                    counts in a moment: try again after `Retry-After`.";
    let says = json!({ "driver_id": "0190a000-0000-7000-8000-000000000003" });
    let operation = |id, summary, done| {
        Operation::new(id, summary)
            .about("The request may be repeated. The driver is the one who is signed in.")
            .example(says.clone())
            .answers(ok, done)
            .refuses(StatusCode::FORBIDDEN, "The driver is not the one who is signed in.")
            .refuses(missing, none)
    };
    api.get(
        "/trips",
        trips::list,
        Operation::new("list_trips", "List the offers to drivers")
            .about("Those of the newest rides come first. A driver has only its own."),
    )
    .get(
        "/trips/{ride_id}",
        trips::read,
        Operation::new("read_trip", "Read a ride as its driver sees it")
            .about(
                "A driver who is asked sees the pickup, the length and the price. The rider and the destination are \
                 shown to who has accepted.",
            )
            .answers(ok, "The offer, and for its driver the ride with the rider's name.")
            .refuses(missing, "The ride is not offered to this driver, and this driver did not drive it."),
    )
    .post(
        "/trips/{ride_id}/accept",
        trips::accept,
        operation("accept_offer", "Accept an offer", "The driver drives.")
            .refuses(StatusCode::CONFLICT, "The offer is not open any more."),
    )
    .post(
        "/trips/{ride_id}/decline",
        trips::decline,
        operation("decline_offer", "Decline an offer", "The next driver is asked.")
            .refuses(StatusCode::CONFLICT, "The offer is not open any more."),
    )
    .post(
        "/trips/{ride_id}/start",
        trips::start,
        operation("start_ride", "Say that the rider is in the car", "The ride begins.")
            .refuses(
                StatusCode::CONFLICT,
                "The ride is cancelled, or over, or the driver is not at the pickup.",
            )
            .try_again(StatusCode::CONFLICT, accepted),
    )
    .post(
        "/trips/{ride_id}/complete",
        trips::complete,
        operation("complete_ride", "Say that the rider is there", "The ride is over.")
            .about(
                "The request may be repeated. The ride is over as soon as the driver's positions show it, or half a \
                 minute later, if positions come at all: the rider then pays the way so far. An operator may name \
                 any part of the price.",
            )
            .refuses(StatusCode::FORBIDDEN, "A driver names a fare.")
            .refuses(StatusCode::UNPROCESSABLE_ENTITY, "The fare is more than the price.")
            .refuses(StatusCode::CONFLICT, "The ride has not begun, or the driver was not seen lately.")
            .try_again(StatusCode::CONFLICT, accepted),
    )
}
