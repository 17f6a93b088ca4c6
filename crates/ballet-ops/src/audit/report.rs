//! What an auditor says.

use std::fmt;

use serde::Serialize;

/// What an auditor found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many rows were checked.
    pub rows: usize,
    /// What is wrong, in words: which row, of which saga.
    pub violations: Vec<String>,
    /// What is not at rest, so that nothing can be said of it yet, and what it waits for.
    pub open: Vec<String>,
    /// What goes on only if somebody does something, with the reason.
    pub stuck: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong, though something may be open or stuck.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// Whether nothing is wrong, and all has come to its end.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.is_clean() && self.open.is_empty() && self.stuck.is_empty()
    }

    /// This report and another one as one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.rows += other.rows;
        self.violations.extend(other.violations);
        self.open.extend(other.open);
        self.stuck.extend(other.stuck);
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, violations, open, stuck } = self;
        writeln!(
            f,
            "{rows} rows checked, {} violations, {} open, {} stuck",
            violations.len(),
            open.len(),
            stuck.len()
        )?;
        let lists = [("violation", violations), ("open", open), ("stuck", stuck)];
        for (what, lines) in lists {
            for line in lines {
                writeln!(f, "{what}: {line}")?;
            }
        }
        Ok(())
    }
}
