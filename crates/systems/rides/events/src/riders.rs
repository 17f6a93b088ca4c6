//! The events of riders. Each carries the whole rider as it is after the change: of two states of a rider, the one with
//! the higher version is the newer.

use ballet_core::personal::Personal;
use ballet_core::{entity, event, value};

use crate::values::ids::RiderId;

/// The whole state of a rider after one change.
#[entity(
    "rider",
    republished = "riders.riders_republished.v1",
    requests("dispatch.riders_requested.v1", "location.riders_requested.v1"),
    id = rider_id,
    version = version
)]
pub struct Rider {
    /// The rider.
    pub rider_id: RiderId,
    /// 1 when the rider is registered, and 1 more with each change.
    pub version: i64,
    /// The name by which the driver calls the rider.
    #[schemars(extend("x-personal-reason" = "the driver asks for this person at the pickup"))]
    pub name: Personal<String>,
    /// The payment provider's token for the rider's means of payment.
    #[schemars(extend("x-personal-reason" = "dispatch pays the ride with it"))]
    pub payment_token: Personal<String>,
    /// The mean of the drivers' ratings, in tenths: 47 of 50.
    pub rating: u8,
    /// The rider's requirements of a car.
    pub needs: Needs,
}

/// A rider's requirements of a car.
#[value]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// Any car.
    Any,
    /// A car with more than four seats.
    Large,
}

/// The part of a rider that location keeps in its copy. It needs no name, and no token.
#[entity(
    "rider",
    republished = "riders.riders_republished.v1",
    requests("location.riders_requested.v1")
)]
pub struct RiderNeeds {
    /// The rider's requirements of a car.
    pub needs: Needs,
}

impl From<Rider> for RiderNeeds {
    fn from(rider: Rider) -> Self {
        Self { needs: rider.needs }
    }
}

/// Somebody signed up.
#[event("riders.rider_registered.v1", keys(rider = "rider_id".made_here()), carries = 0)]
#[serde(transparent)]
pub struct RiderRegistered(pub Rider);

/// A rider's data changed.
#[event("riders.rider_changed.v1", keys(rider = "rider_id"), carries = 0)]
#[serde(transparent)]
pub struct RiderChanged(pub Rider);

/// A rider is erased: copies keep the id and the version.
#[event(
    "riders.rider_erased.v1",
    keys(rider = rider_id),
    removes(Rider, id = rider_id, version = version)
)]
pub struct RiderErased {
    /// The rider.
    pub rider_id: RiderId,
    /// 1 more than before.
    pub version: i64,
}
