//! What an audit found.

use std::fmt;

use serde::Serialize;

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The number of rows checked.
    pub rows: usize,
    /// What is wrong: a sentence each, with the saga and the row.
    pub violations: Vec<String>,
    /// What is not quiescent, so that it cannot be judged yet, and what it waits for.
    pub open: Vec<String>,
    /// What goes on only when somebody acts, with the reason.
    pub stuck: Vec<String>,
    /// What the audit could not look at, so that nothing is said of it, and why.
    pub unseen: Vec<String>,
}

impl Report {
    /// Whether there are no violations. Something may still be open, stuck or unseen.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// Whether there are no violations, and nothing is open or stuck.
    #[must_use]
    pub fn is_quiescent(&self) -> bool {
        self.is_clean() && self.open.is_empty() && self.stuck.is_empty()
    }

    /// Merges this report with another one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.rows += other.rows;
        self.violations.extend(other.violations);
        self.open.extend(other.open);
        self.stuck.extend(other.stuck);
        self.unseen.extend(other.unseen);
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, violations, open, stuck, unseen } = self;
        writeln!(
            f,
            "{rows} rows checked, {} violations, {} open, {} stuck",
            violations.len(),
            open.len(),
            stuck.len()
        )?;
        let lists =
            [("violation", violations), ("open", open), ("stuck", stuck), ("unseen", unseen)];
        for (what, lines) in lists {
            for line in lines {
                writeln!(f, "{what}: {line}")?;
            }
        }
        Ok(())
    }
}
