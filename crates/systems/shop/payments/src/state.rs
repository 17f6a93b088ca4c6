//! The states of a payment, and the allowed transitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// The provider holds the money.
    Authorized,
    /// The money is captured.
    Captured,
    /// The authorisation has ended.
    Voided,
    /// The money was refunded.
    Refunded,
}

impl PaymentState {
    /// `None` for the first.
    pub(crate) const fn follows(self) -> Option<Self> {
        match self {
            Self::Authorized => None,
            Self::Captured | Self::Voided => Some(Self::Authorized),
            Self::Refunded => Some(Self::Captured),
        }
    }
}
