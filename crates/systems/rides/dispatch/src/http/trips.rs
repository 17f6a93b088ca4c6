//! The handlers of the routes for drivers.

use axum::extract::State;
use ballet::core::personal::Personal;
use ballet::http::{Json, Path, Place, Problem, Query};
use ballet::{SagaId, Unit, copies, look_now};
use common::paging::{CURSOR, Limit, Page};
use jiff::Timestamp;
use rides_events::access::DriverCaller;
use rides_events::dispatch::{NotAccepted, OfferAccepted, RiderPickedUp};
use rides_events::riders::Rider;
use rides_events::{DriverId, Money, Point, RideId};
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::WatchRide;
use crate::http::state::DispatchState;
use crate::offer::{Offer, OfferState};
use crate::refusals::{no_fare, no_ride, no_trip, offer_is, ride_is};
use crate::requests::{ActingDriver, RideArrival};
use crate::ride::{Quote, Ride, RideStatus};
use crate::search::continue_search;
use crate::store::{offer, ride};

/// A ride as its driver sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Trip {
    /// The offer.
    offer: Offer,
    /// The place where the rider waits.
    pickup: Point,
    /// The length of the way.
    meters: i64,
    /// The price.
    price: Money,
    /// The ride, for the driver who has accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    ride: Option<Ride>,
    /// The name by which the driver who has accepted the ride calls the rider.
    #[serde(skip_serializing_if = "Option::is_none")]
    rider_name: Option<Personal<String>>,
    /// The mean of the drivers' ratings of the rider, in tenths.
    #[serde(skip_serializing_if = "Option::is_none")]
    rider_rating: Option<u8>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfferFilter {
    /// Only offers that are open, or accepted and not over.
    #[serde(default)]
    live: bool,
    /// The `next` of the page before. Without it, the list begins.
    #[serde(default, deserialize_with = "offer_cursor")]
    #[schemars(
        with = "Option<String>",
        extend("pattern" = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-[1-9][0-9]{0,3}$")
    )]
    after: Option<(RideId, i16)>,
    /// The most items on the page.
    #[serde(default)]
    limit: Limit,
}

pub(crate) async fn list(
    State(DispatchState { handle, .. }): State<DispatchState>,
    caller: DriverCaller,
    Query(OfferFilter { live, after, limit }): Query<OfferFilter>,
) -> Result<Json<Page<Offer>>, Problem> {
    let offers = offer::page(handle.db(), caller.only(), live, after, limit).await?;
    Ok(Json(Page::new(offers, limit, |offer| format!("{}-{}", offer.ride_id, offer.attempt))))
}

/// Reads the ride and the number of the offer after which a page begins.
fn offer_cursor<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<(RideId, i16)>, D::Error> {
    let Some(after) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let parts = after.rsplit_once('-');
    let parts = parts.and_then(|(ride, attempt)| Some((ride.parse().ok()?, attempt.parse().ok()?)));
    let wrong = || D::Error::custom(format!("it is no cursor of this list: {CURSOR}"));
    parts.map(Some).ok_or_else(wrong)
}

pub(crate) async fn read(
    State(DispatchState { handle, .. }): State<DispatchState>,
    caller: DriverCaller,
    Path(ride_id): Path<RideId>,
) -> Result<Json<Trip>, Problem> {
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let offer = match caller.only() {
        Some(driver_id) => {
            let offer = offer::to(tx.db(), ride_id, driver_id).await?;
            offer.filter(|offer| offer.state == OfferState::Open || offer.state.shows_ride())
        }
        None => offer::live(tx.db(), ride_id).await?,
    };
    let (offer, ride) =
        offer.zip(ride::find(tx.db(), ride_id).await?).ok_or_else(|| no_ride(ride_id))?;
    let rider = copies::get::<Rider>(tx.db(), &ride.quote.rider_id.to_string()).await?;
    let rider = rider.and_then(|rider| rider.state);
    let rider_rating = rider.as_ref().map(|rider| rider.rating);
    unit.rollback();
    let Quote { pickup, meters, price, .. } = ride.quote;
    let is_shown = caller.only().is_none() || offer.state.shows_ride();
    let rider_name = rider.map(|rider| rider.name).filter(|_| is_shown);
    let ride = Some(ride).filter(|_| is_shown);
    Ok(Json(Trip { offer, pickup, meters, price, ride, rider_name, rider_rating }))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TripAction {
    Accept,
    Decline,
    Start,
    /// An operator names the fare.
    Complete(Option<i64>),
}

impl TripAction {
    /// A repeated action changes nothing, and one that comes too late is refused.
    fn is_new(self, offer: &Offer, ride: &Ride, now: Timestamp) -> Result<bool, Problem> {
        let ride_id = ride.ride_id;
        let is_driver = ride.driver_id == Some(offer.driver_id);
        match (self, offer.state, ride.status) {
            (Self::Accept, OfferState::Accepted, _) | (Self::Decline, OfferState::Declined, _) => {
                Ok(false)
            }
            (Self::Accept, OfferState::Open, _) if now < offer.expires_at => Ok(true),
            (Self::Decline, OfferState::Open, _) => Ok(true),
            (Self::Accept | Self::Decline, state, _) => Err(offer_is(ride_id, state)),
            (Self::Start, _, RideStatus::PickedUp | RideStatus::Riding)
            | (Self::Complete(_), _, RideStatus::Completed)
                if is_driver =>
            {
                Ok(false)
            }
            (Self::Start, _, RideStatus::Assigned)
            | (Self::Complete(_), _, RideStatus::PickedUp | RideStatus::Riding)
                if is_driver =>
            {
                Ok(true)
            }
            (Self::Start | Self::Complete(_), state, _)
                if state != OfferState::Open && !state.shows_ride() =>
            {
                Err(offer_is(ride_id, state))
            }
            (Self::Start | Self::Complete(_), _, status) => Err(ride_is(ride_id, status)),
        }
    }
}

/// Acts under the lock of the ride's saga. Returns offer and ride as they are afterwards.
async fn perform(
    action: TripAction,
    DispatchState { handle, settings, verifier, .. }: DispatchState,
    caller: DriverCaller,
    ride_id: RideId,
    ActingDriver { driver_id }: ActingDriver,
) -> Result<(Offer, Ride), Problem> {
    caller.may_act_for(driver_id, Place::body(["driver_id"]))?;
    let mut unit = handle.saga_unit(SagaId(ride_id.0)).await?;
    let (offer, ride) = read_both(&mut unit, ride_id, driver_id).await?;
    let mut tx = unit.tx();
    let now = tx.now();
    if !action.is_new(&offer, &ride, now)? {
        unit.rollback();
        return Ok((offer, ride));
    }
    match action {
        TripAction::Accept => {
            offer::accept(tx.db(), &offer).await?;
            ride::accept(tx.db(), ride_id, driver_id, now).await?;
            let attempt = u16::try_from(offer.attempt).map_err(ballet::Failure::permanent)?;
            tx.publish(&OfferAccepted { ride_id, attempt, driver_id }).await?;
        }
        TripAction::Decline => {
            let most = settings.offers_per_ride;
            continue_search(&mut unit, &ride, &offer, NotAccepted::Declined, most).await?;
        }
        TripAction::Start => {
            // An operator's word counts.
            if caller.only().is_some() {
                verifier.require_at_pickup(&ride, now)?;
            }
            ride::pick_up(tx.db(), ride_id, now).await?;
            tx.publish(&RiderPickedUp { ride_id, driver_id }).await?;
        }
        TripAction::Complete(named) => {
            // What is stored already is repeated also in a gap.
            if caller.only().is_some() && ride.arrived_at.is_none() {
                verifier.require_seen(&ride, now)?;
            }
            let price = ride.quote.price.amount_minor;
            let fare = caller.only().is_none().then(|| named.unwrap_or(price));
            if fare.is_some_and(|fare| !(0..=price).contains(&fare)) {
                return Err(no_fare(ride.quote.price));
            }
            ride::arrive(tx.db(), ride_id, fare, now).await?;
            look_now::<WatchRide>(&mut tx, SagaId(ride_id.0)).await?;
        }
    }
    let after = read_both(&mut unit, ride_id, driver_id).await?;
    unit.commit().await?;
    Ok(after)
}

async fn read_both(
    unit: &mut Unit,
    ride_id: RideId,
    driver_id: DriverId,
) -> Result<(Offer, Ride), Problem> {
    let mut tx = unit.tx();
    let offer = offer::to(tx.db(), ride_id, driver_id).await?;
    let both = offer.zip(ride::find(tx.db(), ride_id).await?);
    both.ok_or_else(|| no_trip(ride_id, driver_id))
}

pub(crate) async fn accept(
    State(dispatch): State<DispatchState>,
    caller: DriverCaller,
    Path(ride_id): Path<RideId>,
    Json(body): Json<ActingDriver>,
) -> Result<Json<Offer>, Problem> {
    perform(TripAction::Accept, dispatch, caller, ride_id, body).await.map(|(offer, _)| Json(offer))
}

pub(crate) async fn decline(
    State(dispatch): State<DispatchState>,
    caller: DriverCaller,
    Path(ride_id): Path<RideId>,
    Json(body): Json<ActingDriver>,
) -> Result<Json<Offer>, Problem> {
    perform(TripAction::Decline, dispatch, caller, ride_id, body)
        .await
        .map(|(offer, _)| Json(offer))
}

pub(crate) async fn start(
    State(dispatch): State<DispatchState>,
    caller: DriverCaller,
    Path(ride_id): Path<RideId>,
    Json(body): Json<ActingDriver>,
) -> Result<Json<Ride>, Problem> {
    perform(TripAction::Start, dispatch, caller, ride_id, body).await.map(|(_, ride)| Json(ride))
}

pub(crate) async fn complete(
    State(dispatch): State<DispatchState>,
    caller: DriverCaller,
    Path(ride_id): Path<RideId>,
    Json(RideArrival { driver_id, fare_minor }): Json<RideArrival>,
) -> Result<Json<Ride>, Problem> {
    if fare_minor.is_some() {
        caller.must_be_behind().map_err(|problem| problem.at(Place::body(["fare_minor"])))?;
    }
    let (action, body) = (TripAction::Complete(fare_minor), ActingDriver { driver_id });
    perform(action, dispatch, caller, ride_id, body).await.map(|(_, ride)| Json(ride))
}
