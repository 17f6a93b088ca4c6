//! What payments tells.

use ballet_core::{Event, EventType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Money, OrderId};

/// The provider holds the money for the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentAuthorized {
    /// The order.
    pub order_id: OrderId,
    /// How much is authorised.
    pub amount: Money,
}

impl Event for PaymentAuthorized {
    const TYPE: EventType = EventType::in_saga("payments.payment_authorized.v1");
}

/// The provider does not authorise the payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentDeclined {
    /// The order.
    pub order_id: OrderId,
    /// The provider's word for why, for instance `insufficient_funds`.
    pub reason: String,
}

impl Event for PaymentDeclined {
    const TYPE: EventType = EventType::in_saga("payments.payment_declined.v1");
}

/// The authorised money is ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentCaptured {
    /// The order.
    pub order_id: OrderId,
    /// How much was captured.
    pub amount: Money,
}

impl Event for PaymentCaptured {
    const TYPE: EventType = EventType::in_saga("payments.payment_captured.v1");
}

/// The authorised money could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentCaptureFailed {
    /// The order.
    pub order_id: OrderId,
    /// The provider's word for why, for instance `authorization_expired`.
    pub reason: String,
}

impl Event for PaymentCaptureFailed {
    const TYPE: EventType = EventType::in_saga("payments.payment_capture_failed.v1");
}

/// The authorisation was given back, or had ended by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentVoided {
    /// The order.
    pub order_id: OrderId,
}

impl Event for PaymentVoided {
    const TYPE: EventType = EventType::in_saga("payments.payment_voided.v1");
}

/// The captured money was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentRefunded {
    /// The order.
    pub order_id: OrderId,
    /// How much was given back: all that was captured.
    pub amount: Money,
}

impl Event for PaymentRefunded {
    const TYPE: EventType = EventType::in_saga("payments.payment_refunded.v1");
}
