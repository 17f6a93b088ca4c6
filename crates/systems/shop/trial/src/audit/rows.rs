//! The services' rows, with the fields that the audit reads.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use shop_events::{CartId, Money, OrderId, OrderLine, Sku, StockLine};
use uuid::Uuid;

/// The orders are read first, so the other services' rows are not older.
#[derive(Debug, Clone, Default)]
pub(super) struct ShopSnapshot {
    pub(super) read_at: Timestamp,
    /// The reasons. The rows of these services are missing.
    pub(super) away: BTreeMap<&'static str, String>,
    pub(super) orders: Vec<OrderRecord>,
    pub(super) stock: Vec<StockRecord>,
    pub(super) reservations: Vec<ReservationRecord>,
    pub(super) payments: Vec<PaymentRecord>,
    /// The sandbox's operations; a provider's API lists none.
    pub(super) operations: Vec<OperationRecord>,
    pub(super) shipments: Vec<ShipmentRecord>,
    pub(super) prices: Vec<PriceRecord>,
    pub(super) carts: Vec<CartRecord>,
    pub(super) checkouts: Vec<CheckoutRecord>,
    pub(super) learned: LearnedCounts,
}

#[derive(Debug, Clone, Default)]
pub(super) struct LearnedCounts {
    pub(super) orders: Vec<LearnedOrder>,
    pub(super) products: Vec<LearnedProduct>,
    pub(super) pairs: Vec<LearnedPair>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct LearnedOrder {
    pub(super) order_id: OrderId,
    pub(super) skus: Vec<Sku>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct LearnedProduct {
    pub(super) sku: Sku,
    pub(super) orders: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct LearnedPair {
    pub(super) sku: Sku,
    pub(super) other: Sku,
    pub(super) orders: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct OrderRecord {
    pub(super) order_id: OrderId,
    pub(super) status: String,
    /// Missing if the order was never placed.
    pub(super) lines: Option<Vec<OrderLine>>,
    pub(super) total: Option<Money>,
    pub(super) created_at: Timestamp,
    pub(super) changed_at: Timestamp,
}

/// A current or earlier price of a product.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PriceRecord {
    pub(super) sku: Sku,
    /// The first version of the product with this price.
    pub(super) version: i64,
    pub(super) price: Money,
    pub(super) since: Timestamp,
    pub(super) until: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct StockRecord {
    pub(super) sku: Sku,
    pub(super) on_hand: i64,
    pub(super) held: i64,
    pub(super) committed: i64,
    pub(super) received: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ReservationRecord {
    pub(super) order_id: OrderId,
    pub(super) state: String,
    pub(super) lines: Vec<StockLine>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct PaymentRecord {
    pub(super) order_id: OrderId,
    pub(super) state: String,
    pub(super) amount: Money,
    pub(super) captured_minor: i64,
    pub(super) refunded_minor: i64,
    /// The provider's reference of the authorisation.
    pub(super) reference: String,
}

/// An operation of the sandbox.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct OperationRecord {
    pub(super) idempotency_key: Uuid,
    pub(super) order_id: OrderId,
    /// The reference of its authorisation.
    pub(super) reference: String,
    pub(super) amount: Money,
    pub(super) result: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ShipmentRecord {
    pub(super) order_id: OrderId,
    pub(super) state: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct CartRecord {
    pub(super) cart_id: CartId,
    pub(super) status: String,
    /// The order of the last checkout.
    pub(super) order_id: Option<OrderId>,
}

/// A checkout, with the prices that the customer was shown.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CheckoutRecord {
    pub(super) order_id: OrderId,
    pub(super) cart_id: CartId,
    pub(super) cart_version: i64,
    pub(super) lines: Vec<OrderLine>,
    pub(super) total: Money,
    pub(super) status: String,
}
