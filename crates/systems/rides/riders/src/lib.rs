//! Riders: the only source of riders' data. Dispatch and location keep copies of it.

#![warn(missing_docs)]

mod http;
mod refusals;
mod requests;
mod rider;
mod store;

use ballet::openapi::Document;
use rides_events::riders::{Rider, RiderChanged, RiderErased, RiderRegistered};

/// The service. It has no part in a saga.
#[ballet::service(
    "riders",
    migrations = "../../../../migrations/riders",
    publishes(RiderRegistered, RiderChanged, RiderErased),
    shares(Rider = "shared_rider"),
    routes = |handle| http::api().router(handle)
)]
impl Riders {
    /// Returns the OpenAPI document of the HTTP routes.
    #[must_use]
    pub fn openapi() -> Document {
        http::api().document()
    }
}
