//! The events of orders.

use ballet_core::{event, value};
use common::values::Money;
use jiff::Timestamp;

use crate::values::address::Address;
use crate::values::ids::{CustomerId, OrderId};
use crate::values::line::OrderLine;

/// A valid order was placed: its saga begins.
#[event(
    "orders.order_placed.v1",
    in_saga, packs,
    keys(order = order_id.made_here(), customer = customer_id, product = "lines[].sku")
)]
pub struct OrderPlaced {
    /// The order.
    pub order_id: OrderId,
    /// The customer.
    pub customer_id: CustomerId,
    /// The goods. A SKU may be in several lines.
    pub lines: Vec<OrderLine>,
    /// The price of all lines.
    pub total: Money,
    /// The payment provider's token for the card.
    pub card_token: String,
    /// The delivery address.
    pub ship_to: Address,
    /// When it was placed.
    pub placed_at: Timestamp,
}

/// The money is captured and the order has recorded it: the order can no longer be cancelled.
#[event("orders.order_confirmed.v1", in_saga, packs, keys(order = order_id))]
pub struct OrderConfirmed {
    /// The order.
    pub order_id: OrderId,
    /// The captured amount.
    pub total: Money,
}

/// The goods are sold and delivered: the saga has ended.
#[event("orders.order_completed.v1", in_saga, packs, keys(order = order_id))]
pub struct OrderCompleted {
    /// The order.
    pub order_id: OrderId,
}

/// The order will not be fulfilled: every service compensates its part.
#[event("orders.order_cancelled.v1", in_saga, packs, keys(order = order_id))]
pub struct OrderCancelled {
    /// The order.
    pub order_id: OrderId,
    /// The reason.
    pub reason: CancelReason,
    /// The step that refused, if a step did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_step: Option<String>,
    /// The exact reason, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The deadline for the payment of the order has passed. Only orders consumes it, and then decides
/// whether the order is cancelled.
#[event("orders.order_deadline_passed.v1", in_saga, packs, keys(order = order_id))]
#[derive(Copy)]
pub struct OrderDeadlinePassed {
    /// The order.
    pub order_id: OrderId,
    /// The time by which it had to be paid.
    pub due_at: Timestamp,
}

/// Why an order was cancelled.
#[value]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The checkout was well formed but invalid: no lines, an unknown SKU, two currencies ...
    Invalid,
    /// There is not enough stock.
    OutOfStock,
    /// The card was declined.
    PaymentDeclined,
    /// The carrier does not deliver there.
    ShipmentRejected,
    /// The authorised money could not be captured.
    CaptureFailed,
    /// The customer cancelled in time.
    CustomerCancelled,
    /// The order was not paid in time.
    DeadlinePassed,
}
