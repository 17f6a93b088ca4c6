//! The events of inventory.

use ballet_core::{event, value};

use crate::values::ids::OrderId;
use crate::values::line::StockLine;
use crate::values::sku::Sku;

/// Goods were received.
#[event("inventory.stock_received.v1", keys(product = sku))]
pub struct StockReceived {
    /// The product.
    pub sku: Sku,
    /// The quantity.
    pub quantity: u64,
    /// The delivery note's number. A receipt with the same number and SKU is a repetition.
    pub receipt: String,
}

/// Everything that an order needs is held for it.
#[event(
    "inventory.stock_reserved.v1",
    in_saga, packs,
    keys(order = order_id, product = "lines[].sku")
)]
pub struct StockReserved {
    /// The order.
    pub order_id: OrderId,
    /// The held stock, one line per SKU.
    pub lines: Vec<StockLine>,
}

/// Nothing is held for an order, because one of its lines is not available.
#[event(
    "inventory.stock_reservation_failed.v1",
    in_saga, packs,
    keys(order = order_id, product = sku)
)]
pub struct StockReservationFailed {
    /// The order.
    pub order_id: OrderId,
    /// The reason.
    pub reason: ReservationFailure,
    /// The first SKU that is not available.
    pub sku: Sku,
    /// The quantity that the order needs.
    pub wanted: u64,
    /// The quantity on hand.
    pub on_hand: u64,
}

/// Why nothing is held for an order.
#[value]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ReservationFailure {
    /// There is less on hand than the order needs.
    OutOfStock,
    /// The SKU has never been received.
    UnknownSku,
}

/// The stock that was held for an order is on hand again.
#[event(
    "inventory.stock_released.v1",
    in_saga, packs,
    keys(order = order_id, product = "lines[].sku")
)]
pub struct StockReleased {
    /// The order.
    pub order_id: OrderId,
    /// The released stock, one line per SKU.
    pub lines: Vec<StockLine>,
}

/// The stock that was held for an order is sold.
#[event(
    "inventory.stock_committed.v1",
    in_saga, packs,
    keys(order = order_id, product = "lines[].sku")
)]
pub struct StockCommitted {
    /// The order.
    pub order_id: OrderId,
    /// The sold stock, one line per SKU.
    pub lines: Vec<StockLine>,
}
