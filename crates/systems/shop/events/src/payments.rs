//! The events of payments.

use ballet_core::{Event, EventType, Key};
use common::values::Money;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::keys::ORDER;
use crate::values::ids::OrderId;

/// The provider holds the money for the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentAuthorized {
    /// The order.
    pub order_id: OrderId,
    /// The authorised amount.
    pub amount: Money,
}

impl Event for PaymentAuthorized {
    const TYPE: EventType = EventType::in_saga("payments.payment_authorized.v1");
    const KEYS: &'static [Key] = &[ORDER];
}

/// The provider declined the payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentDeclined {
    /// The order.
    pub order_id: OrderId,
    /// The provider's code for the reason, for instance `insufficient_funds`.
    pub reason: String,
}

impl Event for PaymentDeclined {
    const TYPE: EventType = EventType::in_saga("payments.payment_declined.v1");
    const KEYS: &'static [Key] = &[ORDER];
}

/// The authorised money was captured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentCaptured {
    /// The order.
    pub order_id: OrderId,
    /// The captured amount.
    pub amount: Money,
}

impl Event for PaymentCaptured {
    const TYPE: EventType = EventType::in_saga("payments.payment_captured.v1");
    const KEYS: &'static [Key] = &[ORDER];
}

/// The authorised money could not be captured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentCaptureFailed {
    /// The order.
    pub order_id: OrderId,
    /// The provider's code for the reason, for instance `authorization_expired`.
    pub reason: String,
}

impl Event for PaymentCaptureFailed {
    const TYPE: EventType = EventType::in_saga("payments.payment_capture_failed.v1");
    const KEYS: &'static [Key] = &[ORDER];
}

/// The authorisation was voided, or had already ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentVoided {
    /// The order.
    pub order_id: OrderId,
}

impl Event for PaymentVoided {
    const TYPE: EventType = EventType::in_saga("payments.payment_voided.v1");
    const KEYS: &'static [Key] = &[ORDER];
}

/// The captured money was refunded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentRefunded {
    /// The order.
    pub order_id: OrderId,
    /// The refunded amount: all that was captured.
    pub amount: Money,
}

impl Event for PaymentRefunded {
    const TYPE: EventType = EventType::in_saga("payments.payment_refunded.v1");
    const KEYS: &'static [Key] = &[ORDER];
}
