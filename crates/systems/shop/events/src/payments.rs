//! The events of payments.

use ballet_core::event;
use common::values::Money;

use crate::values::ids::OrderId;

/// The provider holds the money for the order.
#[event("payments.payment_authorized.v1", in_saga, packs, keys(order = order_id))]
pub struct PaymentAuthorized {
    /// The order.
    pub order_id: OrderId,
    /// The authorised amount.
    pub amount: Money,
}

/// The provider declined the payment.
#[event("payments.payment_declined.v1", in_saga, packs, keys(order = order_id))]
pub struct PaymentDeclined {
    /// The order.
    pub order_id: OrderId,
    /// The provider's code for the reason, for instance `insufficient_funds`.
    pub reason: String,
}

/// The authorised money was captured.
#[event("payments.payment_captured.v1", in_saga, packs, keys(order = order_id))]
pub struct PaymentCaptured {
    /// The order.
    pub order_id: OrderId,
    /// The captured amount.
    pub amount: Money,
}

/// The authorised money could not be captured.
#[event("payments.payment_capture_failed.v1", in_saga, packs, keys(order = order_id))]
pub struct PaymentCaptureFailed {
    /// The order.
    pub order_id: OrderId,
    /// The provider's code for the reason, for instance `authorization_expired`.
    pub reason: String,
}

/// The authorisation was voided, or had already ended.
#[event("payments.payment_voided.v1", in_saga, packs, keys(order = order_id))]
pub struct PaymentVoided {
    /// The order.
    pub order_id: OrderId,
}

/// The captured money was refunded.
#[event("payments.payment_refunded.v1", in_saga, packs, keys(order = order_id))]
pub struct PaymentRefunded {
    /// The order.
    pub order_id: OrderId,
    /// The refunded amount: all that was captured.
    pub amount: Money,
}
