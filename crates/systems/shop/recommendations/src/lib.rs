//! Recommendations: related products, and popular ones. It learns from confirmed orders, and unlearns cancelled ones.

#![warn(missing_docs)]

mod http;
mod recommend;
mod store;

use ballet::openapi::Document;
use ballet::{Failure, Tx};
use shop_events::catalog::{Product, ProductPriceChanged, ProductPublished, ProductWithdrawn};
use shop_events::orders::{OrderCancelled, OrderConfirmed, OrderPlaced};

/// Products that are bought together, and popular ones.
///
/// Each projection stores one fact about an order. The events may come in any order and repeatedly; the order counts
/// while its facts say so.
#[ballet::service(
    "recommendations",
    migrations = "../../../../migrations/recommendations",
    copies(Product, fed_by(ProductPublished, ProductPriceChanged, ProductWithdrawn)),
    routes = |handle| http::api().router(handle)
)]
impl Recommendations {
    /// Stores the products and the customer of an order.
    #[projects]
    async fn placed_orders(tx: &mut Tx<'_>, order: OrderPlaced) -> Result<(), Failure> {
        let OrderPlaced { order_id, customer_id, lines, placed_at, .. } = order;
        // A clock that is ahead does not make an order the latest for long.
        let placed_at = placed_at.min(tx.now());
        store::placed(tx.db(), order_id, customer_id, &lines, placed_at).await
    }

    /// Counts confirmed orders.
    #[projects]
    async fn confirmed_orders(tx: &mut Tx<'_>, order: OrderConfirmed) -> Result<(), Failure> {
        store::confirmed(tx.db(), order.order_id).await
    }

    /// Takes cancelled orders out of the counts. A later confirmation does not bring one back.
    #[projects]
    async fn cancelled_orders(tx: &mut Tx<'_>, order: OrderCancelled) -> Result<(), Failure> {
        store::cancelled(tx.db(), order.order_id).await
    }
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
