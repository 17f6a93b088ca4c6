//! How far a payment is, and what may follow what.

use serde::{Deserialize, Serialize};

/// How far a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// The provider holds the money.
    Authorized,
    /// It does not.
    Declined,
    /// The money is ours.
    Captured,
    /// The money could not be had, though the authorisation may live.
    CaptureFailed,
    /// The authorisation has ended.
    Voided,
    /// The money was given back.
    Refunded,
}

impl State {
    /// The states that it may follow.
    pub(crate) const fn follows(self) -> &'static [Self] {
        match self {
            Self::Authorized | Self::Declined => &[],
            Self::Captured | Self::CaptureFailed => &[Self::Authorized],
            Self::Voided => &[Self::Authorized, Self::CaptureFailed],
            Self::Refunded => &[Self::Captured],
        }
    }
}
