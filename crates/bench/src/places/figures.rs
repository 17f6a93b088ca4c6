//! The times of searches for drivers, and the ages of positions, as text.

use std::fmt;

use serde::Serialize;

use crate::report::outcome::quantile;

/// The targets: the 99th percentiles of a search and of a position's age in milliseconds, and the share of the intended
/// positions that is confirmed.
const SEARCH: f64 = 1.0;
const AGE: f64 = 1_000.0;
const RATE: f64 = 0.99;

/// The figures that were measured while positions came.
#[derive(Debug, Serialize)]
pub struct PlacesFigures {
    /// The drivers in memory.
    pub drivers: u32,
    /// The intended positions a second.
    pub wanted: u32,
    /// The positions a second that the broker confirmed.
    pub confirmed: f64,
    /// The number of positions that were not confirmed.
    pub refused: usize,
    /// The times of the searches, in milliseconds.
    pub searches: Vec<f64>,
    /// The ages of positions when answers first had them, in milliseconds.
    pub ages: Vec<f64>,
}

impl PlacesFigures {
    /// Whether the targets were reached.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        quantile(&self.searches, 0.99) < SEARCH
            && quantile(&self.ages, 0.99) <= AGE
            && self.confirmed >= RATE * f64::from(self.wanted)
            && self.refused == 0
    }
}

impl fmt::Display for PlacesFigures {
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
