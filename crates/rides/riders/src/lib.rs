//! Riders: the one source of the data of those who are driven. Dispatch and location keep copies of them.

#![warn(missing_docs)]

mod http;
mod refusals;
mod requests;
mod rider;
mod store;

use ballet::{Migration, Participant, Service};
use ballet_openapi::Document;
use rides_events::riders::{Rider, RiderChanged, RiderRegistered};

/// What riders publishes.
#[must_use]
pub fn participant() -> Participant {
    Participant::new("riders")
        .publishes::<RiderRegistered>()
        .publishes::<RiderChanged>()
        .shares::<Rider>("shared_rider")
}

/// The service's tables.
const MIGRATIONS: &[Migration] = &[Migration {
    name: "0001_rider",
    sql: include_str!("../../../../migrations/riders/0001_rider.sql"),
}];

/// The service: its participant, its tables, its HTTP routes.
#[must_use]
pub fn service() -> Service {
    Service::new(participant()).migrations(MIGRATIONS).routes(|handle| http::api().router(handle))
}

/// What the HTTP routes take and answer.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
