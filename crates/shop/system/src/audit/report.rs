//! What the auditor says.

use std::fmt;

use serde::Serialize;

/// What the auditor found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many rows were checked.
    pub rows: usize,
    /// What is wrong, in words: which row, of which order.
    pub violations: Vec<String>,
    /// Orders that are not at rest, so that nothing can be said of them yet.
    pub open: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong, though something may be open.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, violations, open } = self;
        writeln!(
            f,
            "{rows} rows checked, {} violations, {} orders open",
            violations.len(),
            open.len()
        )?;
        for violation in violations {
            writeln!(f, "violation: {violation}")?;
        }
        for order in open {
            writeln!(f, "open: {order}")?;
        }
        Ok(())
    }
}
