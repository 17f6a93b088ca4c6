//! Places in the journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The place in the journal to begin at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// At the oldest message.
    First,
    /// At the last message.
    Last,
    /// At the next message to come.
    Next,
    /// At this offset.
    Offset(u64),
    /// At the first message that the broker got at that time or later.
    Time(Timestamp),
}
