//! A checkout that was not refused, and how it ended.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop_events::orders::CancelReason;
use shop_events::{CartId, Money, OrderId, OrderLine};

/// A checkout: the order that was made from a version of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Checkout {
    /// The order. `orders` has it a moment after the checkout.
    pub(crate) order_id: OrderId,
    /// The cart.
    pub(crate) cart_id: CartId,
    /// The version of the cart that was checked out.
    pub(crate) cart_version: i64,
    /// The goods, at the prices that the customer was shown.
    pub(crate) lines: Vec<OrderLine>,
    /// The price of all lines.
    pub(crate) total: Money,
    /// The status of the order, as far as the cart knows.
    pub(crate) status: CheckoutStatus,
    /// Why the order was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<CancelReason>,
    /// The exact reason, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// When the cart was checked out.
    pub(crate) created_at: Timestamp,
    /// When the status changed last.
    pub(crate) changed_at: Timestamp,
}

/// The status of a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckoutStatus {
    /// The order may still be cancelled.
    Placed,
    /// The order is paid.
    Confirmed,
    /// The order is cancelled.
    Cancelled,
}

/// Whether the customer can prevent that the cart's next order is cancelled for this reason.
pub(crate) const fn can_be_mended(reason: CancelReason) -> bool {
    match reason {
        // Remove the line; order less; use another card or address; try again.
        CancelReason::Invalid
        | CancelReason::OutOfStock
        | CancelReason::PaymentDeclined
        | CancelReason::CaptureFailed
        | CancelReason::ShipmentRejected
        | CancelReason::DeadlinePassed => true,
        // The customer wanted it.
        CancelReason::CustomerCancelled => false,
    }
}
