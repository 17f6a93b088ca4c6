//! Catalog: the products that the shop sells, and their prices. Other services keep copies, so every change is an
//! event with the whole product and its next version.

#![warn(missing_docs)]

mod answers;
mod draft;
mod http;
mod store;

use ballet::openapi::Document;
use shop_events::catalog::{Product, ProductPriceChanged, ProductPublished, ProductWithdrawn};

/// The products that the shop sells. It takes part in no saga.
#[ballet::service(
    "catalog",
    migrations = "../../../../migrations/catalog",
    publishes(ProductPublished, ProductPriceChanged, ProductWithdrawn),
    shares(Product = "shared_product"),
    routes = |handle| http::api().router(handle)
)]
impl Catalog {}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
