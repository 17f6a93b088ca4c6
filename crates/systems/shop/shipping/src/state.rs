//! The states of a shipment, and the allowed transitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of a shipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShipmentState {
    /// The carrier will collect it.
    Scheduled,
    /// The booking was cancelled.
    Cancelled,
    /// The carrier has collected it.
    Dispatched,
    /// It is delivered.
    Delivered,
}

impl ShipmentState {
    /// `None` for the first.
    pub(crate) const fn follows(self) -> Option<Self> {
        match self {
            Self::Scheduled => None,
            Self::Cancelled | Self::Dispatched => Some(Self::Scheduled),
            Self::Delivered => Some(Self::Dispatched),
        }
    }
}
