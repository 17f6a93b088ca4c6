//! Location: the drivers' positions, and their reservations for rides. Each process follows the stream of positions
//! into an index in memory. The drivers' states are in the database, which forbids that a driver is reserved for two
//! rides.

#![warn(missing_docs)]

pub mod config;
mod driver;
mod follower;
mod http;
pub mod index;
mod projections;
mod refusals;
mod requests;
pub mod steps;
mod store;

use ballet::{Migration, Participant, Service, migrations};
use ballet_openapi::Document;
use rides_events::RideDispatch;
use rides_events::dispatch::OfferEnded;
use rides_events::location::{DriverOffline, DriverOnline, Position};
use rides_events::riders::{RiderChanged, RiderErased, RiderNeeds, RiderRegistered};

use crate::config::LocationSettings;
use crate::follower::FollowPositions;
use crate::index::DriverIndex;
use crate::projections::NoteRide;
use crate::steps::{ReleaseDriver, ReserveDriver};

pub use crate::driver::DriverState;
pub use crate::store::work::WorkState;

/// Declares the steps of location in the saga, and the other events that it publishes.
#[must_use]
pub fn participant(index: DriverIndex) -> Participant {
    Participant::new("location")
        .copies::<RiderNeeds>(|copy| {
            copy.fed_by::<RiderRegistered>().fed_by::<RiderChanged>().fed_by::<RiderErased>()
        })
        .saga::<RideDispatch>(|saga| {
            saga.repeating(ReserveDriver(index.clone()), |ended: &OfferEnded| {
                ended.attempt.to_string()
            })
            .retriable(ReleaseDriver)
        })
        .projects(NoteRide)
        .publishes::<DriverOnline>()
        .publishes::<DriverOffline>()
        .publishes_telemetry::<Position>()
        .follows_telemetry(FollowPositions(index))
}

/// The service's tables.
const MIGRATIONS: &[Migration] = migrations! {
    in "../../../../../migrations/location",
    "0001_driver",
    "0002_no_position",
    "0003_leaving",
    "0004_order_of_work",
    "0005_rider_of_work",
    "0006_needs_of_riders",
    "0007_nobodys_work",
};

/// Returns the service: its participant, its tables, its HTTP routes.
#[must_use]
pub fn service(settings: LocationSettings) -> Service {
    service_with(DriverIndex::new(settings.silence()))
}

/// Returns the service, with the positions that are in this index already.
#[must_use]
pub fn service_with(index: DriverIndex) -> Service {
    Service::new(participant(index.clone()))
        .migrations(MIGRATIONS)
        .routes(move |handle| http::routes(handle, index))
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
