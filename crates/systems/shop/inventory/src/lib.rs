//! Inventory: the stock of each SKU. Every piece that was ever received is on hand, held for an order, or committed
//! (sold). Constraints ensure this.

#![warn(missing_docs)]

mod http;
mod rows;
mod store;

use ballet::openapi::Document;
use ballet::{Does, Failure, Tx, Undoes, compensated, done, refused};
use shop_events::OrderFulfillment;
use shop_events::inventory::{
    StockCommitted, StockReceived, StockReleased, StockReservationFailed, StockReserved,
};
use shop_events::orders::{OrderConfirmed, OrderPlaced};

use crate::store::reservation::{self, HoldOutcome};

pub use crate::store::reservation::ReservationState;

/// The shop's stock.
#[ballet::service(
    "inventory",
    saga = OrderFulfillment,
    migrations = "../../../../migrations/inventory",
    publishes(StockReceived),
    routes = |handle| http::api().router(handle)
)]
impl Inventory {
    /// Holds everything that the order needs, or refuses if there is too little of a product.
    #[compensatable(undo = release_stock, touches = rows::ordered, undo_touches = rows::held)]
    pub async fn reserve_stock(
        tx: &mut Tx<'_>,
        order: OrderPlaced,
    ) -> Does<StockReserved, StockReservationFailed> {
        let (order_id, now) = (order.order_id, tx.now());
        match reservation::hold(tx.db(), order_id, &order.lines, now).await? {
            HoldOutcome::All(lines) => done(StockReserved { order_id, lines }),
            HoldOutcome::Short { reason, sku, wanted, on_hand } => {
                refused(StockReservationFailed { order_id, reason, sku, wanted, on_hand })
            }
        }
    }

    /// Puts the stock that is held for the order on hand again.
    async fn release_stock(tx: &mut Tx<'_>, held: StockReserved) -> Undoes<StockReleased> {
        let order_id = held.order_id;
        let lines = reservation::end(tx.db(), order_id, ReservationState::Released).await?;
        compensated(StockReleased { order_id, lines })
    }

    /// Sells the stock that is held for the order.
    #[retriable(touches = rows::confirmed)]
    pub async fn commit_stock(tx: &mut Tx<'_>, order: OrderConfirmed) -> Does<StockCommitted> {
        let order_id = order.order_id;
        let lines = reservation::end(tx.db(), order_id, ReservationState::Committed).await?;
        if lines.is_empty() {
            let detail = format!("nothing is held yet for order {order_id}");
            return Err(Failure::not_yet(detail).into());
        }
        done(StockCommitted { order_id, lines })
    }
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
