//! The HTTP routes of riders.

use axum::extract::State;
use axum::http::StatusCode;
use ballet::Handle;
use ballet::http::{Json, Path, Problem};
use ballet::openapi::{Api, Created, NoContent, Operation, json};
use rides_events::RiderId;
use rides_events::access::RiderCaller;
use rides_events::riders::{RiderChanged, RiderErased, RiderRegistered};

use crate::refusals::{no_rider, registered_before};
use crate::requests::AboutRider;
use crate::rider::RegisteredRider;
use crate::store;

pub(crate) fn api() -> Api<Handle> {
    let (missing, none) = (StatusCode::NOT_FOUND, "There is no such rider.");
    let example = json!({ "name": "Ada", "payment_token": "card_approved", "needs": "any" });
    Api::new("riders", "Riders, the people who are driven.")
        .post(
            "/riders",
            register,
            Operation::new("register_rider", "Register")
                .about("The rider is the one who is signed in.")
                .example(example.clone())
                .refuses(StatusCode::CONFLICT, "The rider is registered."),
        )
        .get(
            "/riders/{rider_id}",
            read,
            Operation::new("read_rider", "Read a rider")
                .refuses(missing, none),
        )
        .put(
            "/riders/{rider_id}",
            change,
            Operation::new("change_rider", "Change a rider")
                .about("The change applies to rides that are requested later, and to the rest of a ride under way.")
                .example(example)
                .refuses(missing, none),
        )
        .delete(
            "/riders/{rider_id}",
            erase,
            Operation::new("erase_rider", "Erase a rider")
                .about(
                    "Name and token are deleted before the answer, and soon in all copies. A ride that has a \
                     driver goes on to its end, and one that looks for a driver is cancelled. Rides that are \
                     over become nobody's within an hour.",
                )
                .answers(StatusCode::NO_CONTENT, "The rider is erased.")
                .refuses(missing, none),
        )
}

async fn register(
    State(handle): State<Handle>,
    caller: RiderCaller,
    Json(about): Json<AboutRider>,
) -> Result<Created<RegisteredRider>, Problem> {
    let about = about.checked()?;
    let rider_id = caller.only().unwrap_or_else(|| handle.new_id());
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let registered = store::register(tx.db(), rider_id, &about, now).await?;
    let registered = registered.ok_or_else(|| registered_before(rider_id))?;
    tx.publish(&RiderRegistered(registered.rider.clone())).await?;
    unit.commit().await?;
    Ok(Created { location: format!("/riders/{rider_id}"), body: registered })
}

async fn read(
    State(handle): State<Handle>,
    caller: RiderCaller,
    Path(rider_id): Path<RiderId>,
) -> Result<Json<RegisteredRider>, Problem> {
    let rider = store::find(handle.db(), rider_id).await?;
    let rider = rider.filter(|_| caller.is_allowed(rider_id));
    rider.map(Json).ok_or_else(|| no_rider(rider_id))
}

async fn change(
    State(handle): State<Handle>,
    caller: RiderCaller,
    Path(rider_id): Path<RiderId>,
    Json(about): Json<AboutRider>,
) -> Result<Json<RegisteredRider>, Problem> {
    let about = about.checked()?;
    if !caller.is_allowed(rider_id) {
        return Err(no_rider(rider_id));
    }
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let changed = store::change(tx.db(), rider_id, &about, now).await?;
    let changed = changed.ok_or_else(|| no_rider(rider_id))?;
    tx.publish(&RiderChanged(changed.rider.clone())).await?;
    unit.commit().await?;
    Ok(Json(changed))
}

async fn erase(
    State(handle): State<Handle>,
    caller: RiderCaller,
    Path(rider_id): Path<RiderId>,
) -> Result<NoContent, Problem> {
    if !caller.is_allowed(rider_id) {
        return Err(no_rider(rider_id));
    }
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let version = store::erase(tx.db(), rider_id, now).await?;
    let version = version.ok_or_else(|| no_rider(rider_id))?;
    tx.publish(&RiderErased { rider_id, version }).await?;
    unit.commit().await?;
    Ok(NoContent)
}
