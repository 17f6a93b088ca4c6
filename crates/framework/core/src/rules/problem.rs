//! A rule of a sound choreography that the declarations break.

use std::fmt;

use crate::rules::catalogue::Rule;

/// A rule that the declarations break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The rule.
    pub rule: &'static Rule,
    /// The service that breaks it, or can mend it.
    pub service: String,
    /// What of the service breaks it: a step, a saga, an event, a field as `EVENT/FIELD`, an entity. Empty for the
    /// service as a whole.
    pub of: String,
    /// The declarations that break it.
    pub detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.rule.id, self.rule.says, self.detail)
    }
}
