//! The HTTP routes of location.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use ballet::http::{Json, Path, Problem, Query};
use ballet::openapi::{Api, NoContent, Operation, json};
use ballet::{Handle, TelemetryPublisher};
use common::paging::Limit;
use rides_events::access::{DriverCaller, RiderCaller};
use rides_events::location::{DriverOffline, DriverOnline, Position};
use rides_events::{DriverId, NotOnEarth, Point, RideId, RiderId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::driver::{Driver, DriverState};
use crate::index::{DriverIndex, NearDriver};
use crate::refusals::{no_driver, riding};
use crate::requests::Shift;
use crate::store::driver;

#[derive(Debug, Clone)]
pub(crate) struct LocationState {
    handle: Handle,
    index: DriverIndex,
    positions: TelemetryPublisher<Position>,
}

pub(crate) fn routes(handle: Handle, index: DriverIndex) -> Router {
    let positions = handle.telemetry::<Position>();
    api().router(LocationState { handle, index, positions })
}

pub(crate) fn api() -> Api<LocationState> {
    let (missing, none) = (StatusCode::NOT_FOUND, "There is no such driver.");
    let here = json!({ "lat": 52.52, "lon": 13.405 });
    Api::new("location", "The positions of drivers, and their reservations for rides.")
        .get(
            "/drivers/{driver_id}",
            read,
            Operation::new("read_driver", "Read a driver")
                .refuses(missing, none),
        )
        .post(
            "/drivers/{driver_id}/online",
            online,
            Operation::new("go_online", "Take rides from now on")
                .about(
                    "A driver who was not seen for two minutes gets no offers: send your position.",
                )
                .example(json!({ "seats": 4, "at": here.clone() }))
                .refuses(missing, "The driver is not the one who is signed in."),
        )
        .post(
            "/drivers/{driver_id}/offline",
            offline,
            Operation::new("go_offline", "Take no rides any more")
                .about("An offer that is open ends, and the ride goes to the next driver.")
                .refuses(missing, none)
                .refuses(StatusCode::CONFLICT, "A rider is in the car."),
        )
        .put(
            "/drivers/{driver_id}/position",
            place,
            Operation::new("send_position", "Send the driver's position")
                .about("The time is that of its arrival: the clock of a device decides nothing.")
                .example(here)
                .answers(StatusCode::NO_CONTENT, "The broker has it.")
                .refuses(StatusCode::SERVICE_UNAVAILABLE, "The broker does not answer.")
                .refuses(missing, "The driver is not the one who is signed in."),
        )
        .get(
            "/near",
            near,
            Operation::new("list_near", "List the drivers who are near a place")
                .about(
                    "The nearest come first. A rider sees those who are free, and the driver who comes for \
                     the rider. Operators of rides see all.",
                )
                .refuses(StatusCode::UNPROCESSABLE_ENTITY, "The place is not on the map."),
        )
}

async fn read(
    State(LocationState { handle, .. }): State<LocationState>,
    caller: DriverCaller,
    Path(driver_id): Path<DriverId>,
) -> Result<Json<Driver>, Problem> {
    require_visible(driver::find(handle.db(), driver_id).await?, driver_id, &caller).map(Json)
}

fn require_visible(
    driver: Option<Driver>,
    driver_id: DriverId,
    caller: &DriverCaller,
) -> Result<Driver, Problem> {
    driver.filter(|_| caller.is_allowed(driver_id)).ok_or_else(|| no_driver(driver_id))
}

async fn online(
    State(LocationState { handle, positions, .. }): State<LocationState>,
    caller: DriverCaller,
    Path(driver_id): Path<DriverId>,
    Json(shift): Json<Shift>,
) -> Result<Json<Driver>, Problem> {
    let Shift { seats, at } = shift.checked()?;
    if !caller.is_allowed(driver_id) {
        return Err(no_driver(driver_id));
    }
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    driver::online(tx.db(), driver_id, seats, now).await?;
    let driver = require_visible(driver::find(tx.db(), driver_id).await?, driver_id, &caller)?;
    tx.publish(&DriverOnline { driver_id, version: driver.version, seats }).await?;
    unit.commit().await?;
    // The next position makes up for a lost one.
    positions.send_later(&Position { driver_id, at, seen_at: now });
    Ok(Json(driver))
}

async fn offline(
    State(LocationState { handle, .. }): State<LocationState>,
    caller: DriverCaller,
    Path(driver_id): Path<DriverId>,
) -> Result<Json<Driver>, Problem> {
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let driver =
        require_visible(driver::find_to_change(tx.db(), driver_id).await?, driver_id, &caller)?;
    if driver.state == DriverState::Riding {
        return Err(riding(driver_id));
    }
    driver::offline(tx.db(), &driver, now).await?;
    let driver = require_visible(driver::find(tx.db(), driver_id).await?, driver_id, &caller)?;
    let ride_id: Option<RideId> = driver.ride_id;
    tx.publish(&DriverOffline { driver_id, version: driver.version, ride_id }).await?;
    unit.commit().await?;
    Ok(Json(driver))
}

async fn place(
    State(LocationState { handle, positions, .. }): State<LocationState>,
    caller: DriverCaller,
    Path(driver_id): Path<DriverId>,
    Json(at): Json<Point>,
) -> Result<NoContent, Problem> {
    if !caller.is_allowed(driver_id) {
        return Err(no_driver(driver_id));
    }
    positions.send(&Position { driver_id, at, seen_at: handle.now() }).await?;
    Ok(NoContent)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NearQuery {
    /// The latitude.
    #[schemars(range(min = -90.0, max = 90.0))]
    lat: f64,
    /// The longitude.
    #[schemars(range(min = -180.0, max = 180.0))]
    lon: f64,
    /// The most drivers.
    #[serde(default)]
    limit: Limit,
}

/// The drivers who are near a place.
#[derive(Debug, Serialize, JsonSchema)]
struct NearDrivers {
    /// The nearest first.
    items: Vec<NearDriver>,
}

async fn near(
    State(LocationState { handle, index, .. }): State<LocationState>,
    caller: RiderCaller,
    Query(NearQuery { lat, lon, limit }): Query<NearQuery>,
) -> Result<Json<NearDrivers>, Problem> {
    let to = Point::new(lat, lon).ok_or_else(|| {
        let wrong = if (-90.0..=90.0).contains(&lat) { "lon" } else { "lat" };
        Problem::unprocessable(NotOnEarth.to_string()).at(ballet::http::Place::query(wrong))
    })?;
    let most = limit.items();
    let mut items = match caller.only() {
        Some(rider_id) => shown_to(&handle, &index, rider_id, to, most).await?,
        None => index.nearest(to, most, handle.now()),
    };
    items.truncate(most);
    Ok(Json(NearDrivers { items }))
}

/// Looks at many times as many, because most drivers of a town may have riders.
async fn shown_to(
    handle: &Handle,
    index: &DriverIndex,
    rider_id: RiderId,
    to: Point,
    enough: usize,
) -> Result<Vec<NearDriver>, Problem> {
    let mut near = index.nearest(to, 16 * enough, handle.now());
    let ids: Vec<DriverId> = near.iter().map(|near| near.driver_id).collect();
    let may_see = driver::shown_to(handle.db(), rider_id, &ids).await?;
    near.retain(|near| may_see.contains(&near.driver_id));
    Ok(near)
}
