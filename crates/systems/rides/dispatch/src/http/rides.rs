//! The handlers of the routes for riders.

use axum::extract::State;
use ballet::http::{Json, Path, Place, Problem, Query};
use ballet::openapi::{Accepted, Created, Either};
use ballet::{Abort, Failure, SagaId, Tx, copies};
use common::paging::{Limit, Page, cursor};
use jiff::SignedDuration;
use rides_events::access::RiderCaller;
use rides_events::dispatch::RideRequested;
use rides_events::riders::Rider;
use rides_events::{Money, QuoteId, RideDispatch, RideId};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::cancel;
use crate::fare::RouteEstimate;
use crate::http::state::DispatchState;
use crate::refusals::{
    in_the_car, no_quote, no_ride, no_rider, no_tariff, not_over, too_far, too_many, too_old,
};
use crate::requests::{Journey, RideRequest};
use crate::ride::{Quote, Receipt, Ride, RideStatus};
use crate::store::{payment, quote, ride};

const FARTHEST_METERS: i64 = 200_000;
/// A quoted price is valid for so long.
const VALID: SignedDuration = SignedDuration::from_mins(10);

pub(crate) async fn quote(
    State(DispatchState { handle, .. }): State<DispatchState>,
    caller: RiderCaller,
    Json(Journey { rider_id, pickup, destination }): Json<Journey>,
) -> Result<Created<Quote>, Problem> {
    caller.may_act_for(rider_id, Place::body(["rider_id"]))?;
    let quote_id = handle.new_id::<QuoteId>();
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let rider = copies::get::<Rider>(tx.db(), &rider_id.to_string()).await?;
    rider.and_then(|rider| rider.state).ok_or_else(|| no_rider(rider_id))?;
    let tariff = quote::tariff(tx.db(), now).await?.ok_or_else(no_tariff)?;
    let way = RouteEstimate::between(pickup, destination);
    let RouteEstimate { meters, seconds } = way;
    let price = tariff.price(way).filter(|_| meters <= FARTHEST_METERS);
    let price = price.ok_or_else(|| too_far(meters, FARTHEST_METERS))?;
    let (tariff, valid_until) = (tariff.version, now + VALID);
    let quoted = Quote {
        quote_id,
        rider_id,
        pickup,
        destination,
        meters,
        seconds,
        price,
        tariff,
        valid_until,
    };
    quote::store(tx.db(), &quoted, now).await?;
    unit.commit().await?;
    Ok(Created { location: format!("/quotes/{quote_id}"), body: quoted })
}

pub(crate) async fn request(
    State(DispatchState { handle, settings, .. }): State<DispatchState>,
    caller: RiderCaller,
    Json(RideRequest { quote_id }): Json<RideRequest>,
) -> Result<Created<Ride>, Problem> {
    // A quote leads to one ride, even after a restore to a time before the ride: its id, and with it the keys of
    // requests to the processor, stay the same.
    let ride_id = RideId(quote_id.0);
    let mut unit = handle.saga_unit(SagaId(ride_id.0)).await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let quoted = quote::find(tx.db(), quote_id).await?;
    let quoted = quoted.filter(|quoted| caller.is_allowed(quoted.rider_id));
    let quoted = quoted.ok_or_else(|| no_quote(quote_id))?;
    if let Some(before) = ride::find(tx.db(), ride_id).await? {
        unit.rollback();
        return Ok(created(before));
    }
    if quoted.valid_until < now {
        return Err(too_old(quote_id));
    }
    let Quote { rider_id, pickup, destination, price, tariff, .. } = quoted;
    // An open ride keeps a driver from others, and an early cancellation costs nothing.
    let most = settings.rides_of_one;
    if caller.only().is_some() && ride::open_of(tx.db(), rider_id).await? >= most.into() {
        return Err(too_many(most));
    }
    let requested =
        RideRequested { ride_id, rider_id, pickup, destination, price, tariff, requested_at: now };
    ride::request(tx.db(), &requested, quote_id).await?;
    let ride = existing(&mut tx, ride_id).await?;
    unit.originate(requested).await?;
    unit.commit().await?;
    Ok(created(ride))
}

fn created(ride: Ride) -> Created<Ride> {
    Created { location: format!("/rides/{}", ride.ride_id), body: ride }
}

async fn existing(tx: &mut Tx<'_>, ride_id: RideId) -> Result<Ride, Problem> {
    ride::find(tx.db(), ride_id).await?.ok_or_else(|| no_ride(ride_id))
}

pub(crate) async fn read(
    State(DispatchState { handle, .. }): State<DispatchState>,
    caller: RiderCaller,
    Path(ride_id): Path<RideId>,
) -> Result<Json<Ride>, Problem> {
    require_visible(ride::find(handle.db(), ride_id).await?, ride_id, &caller).map(Json)
}

fn require_visible(
    ride: Option<Ride>,
    ride_id: RideId,
    caller: &RiderCaller,
) -> Result<Ride, Problem> {
    let ride = ride.filter(|ride| caller.is_allowed(ride.quote.rider_id));
    ride.ok_or_else(|| no_ride(ride_id))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RideFilter {
    /// Only rides that are not over.
    #[serde(default)]
    live: bool,
    /// The `next` of the page before. Without it, the list begins.
    #[serde(default, deserialize_with = "cursor")]
    after: Option<RideId>,
    /// The most items on the page.
    #[serde(default)]
    limit: Limit,
}

pub(crate) async fn list(
    State(DispatchState { handle, .. }): State<DispatchState>,
    caller: RiderCaller,
    Query(RideFilter { live, after, limit }): Query<RideFilter>,
) -> Result<Json<Page<Ride>>, Problem> {
    let rides = ride::page(handle.db(), caller.only(), live, after, limit).await?;
    Ok(Json(Page::new(rides, limit, |ride| ride.ride_id)))
}

pub(crate) async fn receipt(
    State(DispatchState { handle, .. }): State<DispatchState>,
    caller: RiderCaller,
    Path(ride_id): Path<RideId>,
) -> Result<Json<Receipt>, Problem> {
    let ride = require_visible(ride::find(handle.db(), ride_id).await?, ride_id, &caller)?;
    if !matches!(ride.status, RideStatus::Completed | RideStatus::Cancelled) {
        return Err(not_over(ride_id));
    }
    Ok(Json(Receipt {
        ride_id,
        rider_id: ride.quote.rider_id,
        status: ride.status,
        quoted: ride.quote.price,
        charged: ride.charged(),
        payment: payment::find(handle.db(), ride_id).await?,
        tariff: ride.quote.tariff,
        ended_at: ride.changed_at,
    }))
}

pub(crate) async fn cancel(
    State(DispatchState { handle, .. }): State<DispatchState>,
    caller: RiderCaller,
    Path(ride_id): Path<RideId>,
) -> Result<Either<Accepted<Ride>, Json<Ride>>, Problem> {
    let mut unit = handle.saga_unit(SagaId(ride_id.0)).await?;
    let mut tx = unit.tx();
    let ride = require_visible(ride::find(tx.db(), ride_id).await?, ride_id, &caller)?;
    if matches!(ride.status, RideStatus::PickedUp | RideStatus::Riding | RideStatus::Completed) {
        return Err(in_the_car(ride_id));
    }
    let fee = fee(&mut tx, &ride).await?;
    let now = match unit.abort::<RideDispatch>(cancel::by_rider(ride_id, fee)).await? {
        Abort::Aborted => true,
        Abort::AlreadyAborted => false,
        Abort::TooLate => return Err(in_the_car(ride_id)),
    };
    let ride = existing(&mut unit.tx(), ride_id).await?;
    unit.commit().await?;
    Ok(if now { Either::This(Accepted(ride)) } else { Either::That(Json(ride)) })
}

/// Uses the tariff of the quote.
async fn fee(tx: &mut Tx<'_>, ride: &Ride) -> Result<Option<Money>, Failure> {
    let Some(assigned_at) = ride.assigned_at else { return Ok(None) };
    let tariff = quote::tariff_of(tx.db(), ride.quote.tariff).await?;
    Ok(tariff.late(tx.now().duration_since(assigned_at).as_secs()))
}
