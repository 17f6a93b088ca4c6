//! Places in the journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where in the journal to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// At the oldest message.
    First,
    /// At the last message.
    Last,
    /// At the first message that is not there yet.
    Next,
    /// At this offset.
    Offset(u64),
    /// At what the broker got at that time.
    Time(Timestamp),
}
