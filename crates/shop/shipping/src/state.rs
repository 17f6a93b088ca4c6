//! The states of a shipment, and which may follow which.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of a shipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ShipmentState")]
pub(crate) enum State {
    /// The carrier will collect it.
    Scheduled,
    /// The carrier does not deliver there.
    Rejected,
    /// The booking was cancelled.
    Cancelled,
    /// The carrier has collected it.
    Dispatched,
    /// It is delivered.
    Delivered,
}

impl State {
    /// The state that this one follows, if it is not a first state.
    pub(crate) const fn follows(self) -> Option<Self> {
        match self {
            Self::Scheduled | Self::Rejected => None,
            Self::Cancelled | Self::Dispatched => Some(Self::Scheduled),
            Self::Delivered => Some(Self::Dispatched),
        }
    }
}
