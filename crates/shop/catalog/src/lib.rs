//! Catalog: the products that the shop sells, and their prices. Other services keep copies of them, so every change
//! of a product is an event with the whole product and its next version.

#![warn(missing_docs)]

mod answers;
mod draft;
mod http;
mod store;

use ballet::{Migration, Participant, Service};
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
const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_product",
        sql: include_str!("../../../../migrations/catalog/0001_product.sql"),
    },
    Migration {
        name: "0002_shared_product",
        sql: include_str!("../../../../migrations/catalog/0002_shared_product.sql"),
    },
    Migration {
        name: "0003_product_price",
        sql: include_str!("../../../../migrations/catalog/0003_product_price.sql"),
    },
    Migration { name: "0004_word", sql: common::search::WORDS },
];

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
