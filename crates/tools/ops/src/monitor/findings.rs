//! The violations until somebody takes them, and the counts.

use std::mem;

use serde::Serialize;

use crate::monitor::property::Violation;

/// The maximum number of violations that nobody has taken.
const MOST: usize = 1_000;

/// What the monitor has read, and not judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// The entries.
    pub entries: u64,
    /// The violations.
    pub violations: u64,
    /// The violations that were only counted, because too many came at once.
    pub not_named: u64,
    /// The sagas that were forgotten before they were judged in full, because there were too many.
    pub forgotten: u64,
    /// The sagas with too many entries.
    pub too_long: u64,
}

#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) tally: Tally,
    found: Vec<Violation>,
}

impl Findings {
    pub(super) fn name(&mut self, violation: Violation) {
        self.tally.violations += 1;
        if self.found.len() < MOST {
            self.found.push(violation);
        } else {
            self.tally.not_named += 1;
        }
    }

    pub(super) fn take(&mut self) -> Vec<Violation> {
        mem::take(&mut self.found)
    }
}
