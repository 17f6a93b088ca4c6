//! Recommendations: related products, and popular ones. It learns from confirmed orders, unlearns cancelled ones,
//! and publishes nothing. `docs/shop/recommendations.md` has the measures.

#![warn(missing_docs)]

mod association;
mod basket;
mod http;
mod popularity;
mod projections;
mod recommend;
mod store;

use ballet::{Migration, Participant, Service, migrations};
use ballet_openapi::Document;
use shop_events::catalog::{Product, ProductPriceChanged, ProductPublished, ProductWithdrawn};

use crate::projections::{CancelledOrders, ConfirmedOrders, PlacedOrders};

/// Returns the participant: the events that recommendations learns from, and its copy of the products.
#[must_use]
pub fn participant() -> Participant {
    Participant::new("recommendations")
        .projects(PlacedOrders)
        .projects(ConfirmedOrders)
        .projects(CancelledOrders)
        .copies::<Product>(|copy| {
            copy.fed_by::<ProductPublished>()
                .fed_by::<ProductPriceChanged>()
                .fed_by::<ProductWithdrawn>()
        })
}

/// The service's tables.
const MIGRATIONS: &[Migration] = migrations! {
    in "../../../../../migrations/recommendations",
    "0001_learned",
    "0002_no_pages",
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
