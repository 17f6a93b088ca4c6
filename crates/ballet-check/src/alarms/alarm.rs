//! An alarm: its condition, and the action for the person who gets it.

use ballet_core::Cause;

/// An alarm: its condition, and the action for the person who gets it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alarm {
    /// The name.
    pub(crate) name: &'static str,
    /// The cause, by the name that findings and readiness have.
    pub(crate) cause: Cause,
    /// How urgent it is.
    pub(crate) severity: Severity,
    /// The condition, as a Prometheus expression.
    pub(crate) rings: &'static str,
    /// The causes that explain it. It does not ring while one of them holds, because each has its own alarm.
    pub(crate) unless: &'static [AlarmCause],
    /// The number of minutes that the condition has to hold.
    pub(crate) minutes: u32,
    /// A sentence about what has happened. A label is written `{job}`.
    pub(crate) summary: &'static str,
    /// The steps for a person to take.
    pub(crate) action: &'static str,
}

/// A cause that explains another alarm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AlarmCause {
    /// The labels that are the same in both. Without any, the cause explains the alarm for all services.
    pub(crate) on: &'static str,
    /// The condition, as a Prometheus expression.
    pub(crate) holds: &'static str,
}

/// How urgent an alarm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Customers wait, or soon will.
    Critical,
    /// The problem grows if nobody looks.
    Warning,
}

impl Severity {
    /// Returns the label's value.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        }
    }
}

impl Alarm {
    /// Returns the condition, limited by the causes.
    pub(crate) fn expression(&self) -> String {
        let mut expression = self.rings.to_owned();
        for AlarmCause { on, holds } in self.unless {
            expression += &format!(" unless on ({on}) ({holds})");
        }
        expression
    }
}
