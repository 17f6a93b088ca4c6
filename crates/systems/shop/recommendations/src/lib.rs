//! Recommendations: related products, and popular ones. It learns from confirmed orders, and unlearns cancelled ones.
//! `docs/shop/recommendations.md` has the measures.

#![warn(missing_docs)]

mod association;
mod basket;
mod http;
mod popularity;
mod recommend;
mod store;

use ballet::openapi::Document;
use ballet::{Failure, Tx};
use shop_events::catalog::{Product, ProductPriceChanged, ProductPublished, ProductWithdrawn};
use shop_events::orders::{OrderCancelled, OrderConfirmed, OrderPlaced};

use crate::popularity::weight;
use crate::store::order_facts;

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
        let skus = basket::of(order_id, lines);
        // A clock that is ahead does not make a product more popular.
        let weight = weight(placed_at.min(tx.now()));
        let facts = order_facts::placed(tx.db(), order_id, customer_id, &skus, weight).await?;
        order_facts::learn(tx.db(), facts).await
    }

    /// Counts confirmed orders.
    #[projects]
    async fn confirmed_orders(tx: &mut Tx<'_>, order: OrderConfirmed) -> Result<(), Failure> {
        let facts = order_facts::confirmed(tx.db(), order.order_id).await?;
        order_facts::learn(tx.db(), facts).await
    }

    /// Takes cancelled orders out of the counts. A later confirmation does not bring one back.
    #[projects]
    async fn cancelled_orders(tx: &mut Tx<'_>, order: OrderCancelled) -> Result<(), Failure> {
        let facts = order_facts::cancelled(tx.db(), order.order_id).await?;
        order_facts::learn(tx.db(), facts).await
    }
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
