//! The time that a ranking covers.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The time that a ranking covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RankingWindow {
    /// The last sixty minutes.
    #[default]
    Hour,
    /// The last twenty-four hours.
    Day,
}

impl RankingWindow {
    pub(crate) const fn length(self) -> SignedDuration {
        match self {
            Self::Hour => SignedDuration::from_hours(1),
            Self::Day => SignedDuration::from_hours(24),
        }
    }
}
