//! How far a shipment is, and what may follow what.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// How far a shipment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
    const ALL: [Self; 5] =
        [Self::Scheduled, Self::Rejected, Self::Cancelled, Self::Dispatched, Self::Delivered];

    /// The word in tables.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Dispatched => "dispatched",
            Self::Delivered => "delivered",
        }
    }

    /// The state that it follows, if it is not one to begin with.
    pub(crate) const fn follows(self) -> Option<Self> {
        match self {
            Self::Scheduled | Self::Rejected => None,
            Self::Cancelled | Self::Dispatched => Some(Self::Scheduled),
            Self::Delivered => Some(Self::Dispatched),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let state = Self::ALL.into_iter().find(|state| state.as_str() == text);
        state.ok_or_else(|| format!("{text:?} is no state of a shipment"))
    }
}
