//! Messages sent ahead of their group, and what became of them.

use crate::redrive::groups::GroupKey;

/// What became of a redriven message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedriveOutcome {
    /// The service has handled it, now or before.
    Handled,
    /// It is a dead letter again.
    DeadAgain {
        /// The reason as a code.
        reason: String,
        /// The reason in a sentence.
        detail: Option<String>,
    },
    /// It was neither handled nor dead in time. It may still wait, or be retried later.
    Unknown,
}

/// A dead letter that was sent ahead of its group, and what became of it.
#[derive(Debug, Clone)]
pub struct Canary {
    /// The group.
    pub group: GroupKey,
    /// The message's id.
    pub id: String,
    /// What became of it.
    pub outcome: RedriveOutcome,
}
