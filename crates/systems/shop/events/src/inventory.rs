//! The events of inventory.

use ballet_core::{Event, EventType, Key};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::keys::{ORDER, PRODUCT, PRODUCTS};
use crate::values::ids::OrderId;
use crate::values::line::StockLine;
use crate::values::sku::Sku;

/// Goods were received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockReceived {
    /// The product.
    pub sku: Sku,
    /// The quantity.
    pub quantity: u64,
    /// The delivery note's number. A receipt with the same number and SKU is a repetition.
    pub receipt: String,
}

impl Event for StockReceived {
    const TYPE: EventType = EventType::plain("inventory.stock_received.v1");
    const KEYS: &'static [Key] = &[PRODUCT];
}

/// Everything that an order needs is held for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockReserved {
    /// The order.
    pub order_id: OrderId,
    /// The held stock, one line per SKU.
    pub lines: Vec<StockLine>,
}

impl Event for StockReserved {
    const TYPE: EventType = EventType::in_saga("inventory.stock_reserved.v1");
    const KEYS: &'static [Key] = &[ORDER, PRODUCTS];
}

/// Nothing is held for an order, because one of its lines is not available.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReservationFailure {
    /// There is less on hand than the order needs.
    OutOfStock,
    /// The SKU has never been received.
    UnknownSku,
}

impl Event for StockReservationFailed {
    const TYPE: EventType = EventType::in_saga("inventory.stock_reservation_failed.v1");
    const KEYS: &'static [Key] = &[ORDER, PRODUCT];
}

/// The stock that was held for an order is on hand again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockReleased {
    /// The order.
    pub order_id: OrderId,
    /// The released stock, one line per SKU.
    pub lines: Vec<StockLine>,
}

impl Event for StockReleased {
    const TYPE: EventType = EventType::in_saga("inventory.stock_released.v1");
    const KEYS: &'static [Key] = &[ORDER, PRODUCTS];
}

/// The stock that was held for an order is sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockCommitted {
    /// The order.
    pub order_id: OrderId,
    /// The sold stock, one line per SKU.
    pub lines: Vec<StockLine>,
}

impl Event for StockCommitted {
    const TYPE: EventType = EventType::in_saga("inventory.stock_committed.v1");
    const KEYS: &'static [Key] = &[ORDER, PRODUCTS];
}
