//! An alarm: when it rings, and what to do then.

use crate::alarms::condition::Condition;

/// An alarm: when it rings, and what to do then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alarm {
    /// The name.
    pub(crate) name: &'static str,
    /// How urgent it is.
    pub(crate) severity: Severity,
    /// When it rings.
    pub(crate) condition: Condition,
    /// How many minutes the condition has to hold.
    pub(crate) minutes: u32,
    /// What has happened, as the predicate of a sentence about the service.
    pub(crate) summary: &'static str,
    /// What to do.
    pub(crate) action: &'static str,
}

/// How urgent an alarm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Customers wait, or soon will.
    Critical,
    /// It gets worse if nobody looks.
    Warning,
}

impl Severity {
    /// The label's value.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        }
    }
}
