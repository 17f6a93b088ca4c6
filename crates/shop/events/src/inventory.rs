//! What inventory tells.

use ballet_core::{Event, EventType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{OrderId, Sku, StockLine};

/// Goods came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockReceived {
    /// What came.
    pub sku: Sku,
    /// How many.
    pub quantity: u64,
    /// The delivery note's number, which tells repeated receipts of a SKU from new ones.
    pub receipt: String,
}

impl Event for StockReceived {
    const TYPE: EventType = EventType::plain("inventory.stock_received.v1");
}

/// All that an order needs is held for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockReserved {
    /// The order.
    pub order_id: OrderId,
    /// What is held, one line per SKU.
    pub lines: Vec<StockLine>,
}

impl Event for StockReserved {
    const TYPE: EventType = EventType::in_saga("inventory.stock_reserved.v1");
}

/// Nothing is held for an order, since one of its lines cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockReservationFailed {
    /// The order.
    pub order_id: OrderId,
    /// Why.
    pub reason: ReservationFailure,
    /// The first SKU that cannot be had.
    pub sku: Sku,
    /// How many of it are wanted.
    pub wanted: u64,
    /// How many of it are there.
    pub on_hand: u64,
}

/// Why nothing is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReservationFailure {
    /// The shelf has less than is wanted.
    OutOfStock,
    /// The SKU has never been received.
    UnknownSku,
}

impl Event for StockReservationFailed {
    const TYPE: EventType = EventType::in_saga("inventory.stock_reservation_failed.v1");
}

/// What was held for an order is back on the shelf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockReleased {
    /// The order.
    pub order_id: OrderId,
    /// What is back, one line per SKU.
    pub lines: Vec<StockLine>,
}

impl Event for StockReleased {
    const TYPE: EventType = EventType::in_saga("inventory.stock_released.v1");
}

/// What was held for an order is sold for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockCommitted {
    /// The order.
    pub order_id: OrderId,
    /// What is sold, one line per SKU.
    pub lines: Vec<StockLine>,
}

impl Event for StockCommitted {
    const TYPE: EventType = EventType::in_saga("inventory.stock_committed.v1");
}
