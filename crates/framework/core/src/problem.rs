//! A rule of a sound choreography that the declarations break.

use std::fmt;

/// A rule that the declarations break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The rule, as a sentence.
    pub rule: &'static str,
    /// The declarations that break it.
    pub detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}
