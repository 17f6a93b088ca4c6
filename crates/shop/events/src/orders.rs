//! What orders tells.

use ballet_core::{Event, EventType};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Address, CustomerId, Money, OrderId, OrderLine};

/// A possible order: its saga begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderPlaced {
    /// The order.
    pub order_id: OrderId,
    /// Who buys.
    pub customer_id: CustomerId,
    /// What is bought; a SKU may stand in several lines.
    pub lines: Vec<OrderLine>,
    /// The price of all lines.
    pub total: Money,
    /// The payment provider's token for the card.
    pub card_token: String,
    /// Where it is to be sent.
    pub ship_to: Address,
    /// When it was placed.
    pub placed_at: Timestamp,
}

impl Event for OrderPlaced {
    const TYPE: EventType = EventType::in_saga("orders.order_placed.v1");
}

/// The money is captured, and recorded as such: the order will not be cancelled any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderConfirmed {
    /// The order.
    pub order_id: OrderId,
    /// What was captured for it.
    pub total: Money,
}

impl Event for OrderConfirmed {
    const TYPE: EventType = EventType::in_saga("orders.order_confirmed.v1");
}

/// The goods are sold and delivered: the saga has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderCompleted {
    /// The order.
    pub order_id: OrderId,
}

impl Event for OrderCompleted {
    const TYPE: EventType = EventType::in_saga("orders.order_completed.v1");
}

/// The order will not be fulfilled: everybody undoes their part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderCancelled {
    /// The order.
    pub order_id: OrderId,
    /// Why.
    pub reason: CancelReason,
    /// The step that refused, if it was a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_step: Option<String>,
    /// What exactly was wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Event for OrderCancelled {
    const TYPE: EventType = EventType::in_saga("orders.order_cancelled.v1");
}

/// The time is over in which the order had to be paid. It tells orders alone, after all that came
/// before it; whether the order is cancelled is then decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderDeadlinePassed {
    /// The order.
    pub order_id: OrderId,
    /// By when it had to be paid.
    pub due_at: Timestamp,
}

impl Event for OrderDeadlinePassed {
    const TYPE: EventType = EventType::in_saga("orders.order_deadline_passed.v1");
}

/// Why an order was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The checkout was well formed but impossible: no lines, an unknown SKU, two currencies ...
    Invalid,
    /// Inventory has too little.
    OutOfStock,
    /// The card was declined.
    PaymentDeclined,
    /// The carrier does not go there.
    ShipmentRejected,
    /// The authorised money could not be captured.
    CaptureFailed,
    /// The customer changed their mind in time.
    CustomerCancelled,
    /// A participant was silent for too long.
    DeadlinePassed,
}
