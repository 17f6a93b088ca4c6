//! Catalog: the products that the shop sells, and their prices. Other services keep copies of them, so every change
//! of a product is an event with the whole product and its next version.

#![warn(missing_docs)]

mod answers;
mod draft;
mod http;
mod store;

use ballet::{Migration, Participant, Service, migrations};
use ballet_openapi::Document;
use shop_events::catalog::{Product, ProductPriceChanged, ProductPublished, ProductWithdrawn};

/// Returns the participant: the events that catalog publishes, and the products that others copy. It takes part in
/// no saga.
#[must_use]
pub fn participant() -> Participant {
    Participant::new("catalog")
        .publishes::<ProductPublished>()
        .publishes::<ProductPriceChanged>()
        .publishes::<ProductWithdrawn>()
        .shares::<Product>("shared_product")
}

/// The service's tables.
const MIGRATIONS: &[Migration] = migrations! {
    in "../../../../../migrations/catalog",
    "0001_product",
    "0002_shared_product",
    "0003_product_price",
    "0004_word" = common::search::WORDS,
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
