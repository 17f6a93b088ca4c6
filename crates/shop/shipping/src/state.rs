//! How far a shipment is, and what may follow what.

use serde::{Deserialize, Serialize};

/// How far a shipment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// The carrier will come.
    Scheduled,
    /// It will not: it does not go there.
    Rejected,
    /// It will not: it was told not to.
    Cancelled,
    /// The carrier has it.
    Dispatched,
    /// It is at the door.
    Delivered,
}

impl State {
    /// The state that it follows, if it is not one to begin with.
    pub(crate) const fn follows(self) -> Option<Self> {
        match self {
            Self::Scheduled | Self::Rejected => None,
            Self::Cancelled | Self::Dispatched => Some(Self::Scheduled),
            Self::Delivered => Some(Self::Dispatched),
        }
    }
}
