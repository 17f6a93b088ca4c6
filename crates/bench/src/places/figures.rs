//! How fast drivers are found, and how old their positions are, as text.

use std::fmt;

use serde::Serialize;

use crate::report::outcome::quantile;

/// The targets: milliseconds of a search and of a position's age at the 99th percentile, and the part of the
/// wanted positions that is confirmed.
const SEARCH: f64 = 1.0;
const AGE: f64 = 1_000.0;
const RATE: f64 = 0.99;

/// What was measured while positions came.
#[derive(Debug, Serialize)]
pub struct Places {
    /// The drivers in memory.
    pub drivers: u32,
    /// The positions of a second that were wanted.
    pub wanted: u32,
    /// The positions of a second that the broker confirmed.
    pub confirmed: f64,
    /// Those that were not confirmed.
    pub refused: usize,
    /// What searches took, in milliseconds.
    pub searches: Vec<f64>,
    /// How old positions were when they were in the answers, in milliseconds.
    pub ages: Vec<f64>,
}

impl Places {
    /// Whether the targets were reached.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        quantile(&self.searches, 0.99) < SEARCH
            && quantile(&self.ages, 0.99) <= AGE
            && self.confirmed >= RATE * f64::from(self.wanted)
            && self.refused == 0
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { drivers, wanted, confirmed, refused, searches, ages } = self;
        let at = |all: &[f64], at| quantile(all, at);
        writeln!(
            f,
            "\nPlaces: {drivers} drivers in memory, {wanted} positions/s through the broker: {confirmed:.0}/s confirmed \
             (at least {:.0}), {refused} refused",
            RATE * f64::from(*wanted)
        )?;
        writeln!(
            f,
            "  {} searches: p50 {:.3} ms, p99 {:.3} ms (less than {SEARCH} ms)",
            searches.len(),
            at(searches, 0.5),
            at(searches, 0.99)
        )?;
        writeln!(
            f,
            "  age of a position in the answers, {} timed: p50 {:.1} ms, p99 {:.1} ms (at most {AGE} ms)",
            ages.len(),
            at(ages, 0.5),
            at(ages, 0.99)
        )
    }
}
