//! The projections of an order's events. Each stores one fact about the order; the events may come in any order,
//! and more than once. The order counts while its facts say so.

use ballet::{Failure, Projection, Tx};
use shop_events::orders::{OrderCancelled, OrderConfirmed, OrderPlaced};

use crate::basket;
use crate::popularity::weight;
use crate::store::order_facts::{self, OrderFacts};

/// Stores the products and the customer of an order.
#[derive(Debug)]
pub(crate) struct PlacedOrders;

impl Projection for PlacedOrders {
    const NAME: &'static str = "placed_orders";
    type On = OrderPlaced;

    async fn apply(&self, tx: &mut Tx<'_>, order: OrderPlaced) -> Result<(), Failure> {
        let OrderPlaced { order_id, customer_id, lines, placed_at, .. } = order;
        let skus = basket::of(order_id, lines);
        // A clock that is ahead does not make a product more popular.
        let weight = weight(placed_at.min(tx.now()));
        let facts = order_facts::placed(tx.db(), order_id, customer_id, &skus, weight).await?;
        learn(tx, facts).await
    }
}

/// Counts confirmed orders.
#[derive(Debug)]
pub(crate) struct ConfirmedOrders;

impl Projection for ConfirmedOrders {
    const NAME: &'static str = "confirmed_orders";
    type On = OrderConfirmed;

    async fn apply(&self, tx: &mut Tx<'_>, order: OrderConfirmed) -> Result<(), Failure> {
        let facts = order_facts::confirmed(tx.db(), order.order_id).await?;
        learn(tx, facts).await
    }
}

/// Takes cancelled orders out of the counts. An order that is confirmed later does not come back.
#[derive(Debug)]
pub(crate) struct CancelledOrders;

impl Projection for CancelledOrders {
    const NAME: &'static str = "cancelled_orders";
    type On = OrderCancelled;

    async fn apply(&self, tx: &mut Tx<'_>, order: OrderCancelled) -> Result<(), Failure> {
        let facts = order_facts::cancelled(tx.db(), order.order_id).await?;
        learn(tx, facts).await
    }
}

async fn learn(tx: &mut Tx<'_>, facts: OrderFacts) -> Result<(), Failure> {
    match (facts.counted, facts.counts) {
        (false, true) => order_facts::count(tx.db(), facts.order_id).await?,
        (true, false) => order_facts::uncount(tx.db(), facts.order_id).await?,
        (true, true) | (false, false) => {}
    }
    Ok(())
}
