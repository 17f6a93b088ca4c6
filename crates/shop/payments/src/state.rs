//! The states of a payment, and the allowed transitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PaymentState {
    /// The provider holds the money.
    Authorized,
    /// The provider declined.
    Declined,
    /// The money is captured.
    Captured,
    /// The money could not be captured. The authorisation may still exist.
    CaptureFailed,
    /// The authorisation has ended.
    Voided,
    /// The money was refunded.
    Refunded,
}

impl PaymentState {
    /// Returns the states that this one may follow.
    pub(crate) const fn follows(self) -> &'static [Self] {
        match self {
            Self::Authorized | Self::Declined => &[],
            Self::Captured | Self::CaptureFailed => &[Self::Authorized],
            Self::Voided => &[Self::Authorized, Self::CaptureFailed],
            Self::Refunded => &[Self::Captured],
        }
    }
}
