//! An alarm: when it rings, and what to do then.

/// An alarm: when it rings, and what to do then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alarm {
    /// The name.
    pub(crate) name: &'static str,
    /// How urgent it is.
    pub(crate) severity: Severity,
    /// When it rings, as an expression of Prometheus.
    pub(crate) rings: &'static str,
    /// What explains it. It does not ring while one of these holds, because that has an alarm of its own.
    pub(crate) unless: &'static [Cause],
    /// How many minutes the condition has to hold.
    pub(crate) minutes: u32,
    /// What has happened, as a sentence. A label is written `{job}`.
    pub(crate) summary: &'static str,
    /// What to do.
    pub(crate) action: &'static str,
}

/// What explains another alarm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cause {
    /// The labels that are the same in both. Without any, it explains the alarm for all services.
    pub(crate) on: &'static str,
    /// When it holds, as an expression of Prometheus.
    pub(crate) holds: &'static str,
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

impl Alarm {
    /// The whole expression.
    pub(crate) fn expression(&self) -> String {
        let mut expression = self.rings.to_owned();
        for Cause { on, holds } in self.unless {
            expression += &format!(" unless on ({on}) ({holds})");
        }
        expression
    }
}
