//! Riders: the only source of riders' data. Dispatch and location keep copies of it.

#![warn(missing_docs)]

mod http;
mod refusals;
mod requests;
mod rider;
mod store;

use ballet::{Migration, Participant, Service, migrations};
use ballet_openapi::Document;
use rides_events::riders::{Rider, RiderChanged, RiderErased, RiderRegistered};

/// Declares the events that riders publishes.
#[must_use]
pub fn participant() -> Participant {
    Participant::new("riders")
        .publishes::<RiderRegistered>()
        .publishes::<RiderChanged>()
        .publishes::<RiderErased>()
        .shares::<Rider>("shared_rider")
}

/// The service's tables.
const MIGRATIONS: &[Migration] = migrations! {
    in "../../../../../migrations/riders",
    "0001_rider",
    "0002_erased",
};

/// Returns the service: its participant, its tables, its HTTP routes.
#[must_use]
pub fn service() -> Service {
    Service::new(participant()).migrations(MIGRATIONS).routes(|handle| http::api().router(handle))
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
