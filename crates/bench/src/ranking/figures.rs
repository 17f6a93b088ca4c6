//! What rankings took, as text.

use std::fmt;

use serde::Serialize;

use crate::report::outcome::quantile;

/// The slowest answer of a hundred, in milliseconds.
const MOST: f64 = 50.0;

/// The answers of one window.
#[derive(Debug, Serialize)]
pub struct Window {
    /// Its name in the query.
    pub name: &'static str,
    /// What the first answer took, which waits until the ranking is computed, in milliseconds.
    pub first: f64,
    /// What each of the others took.
    pub latencies: Vec<f64>,
}

/// All answers.
#[derive(Debug, Serialize)]
pub struct Rankings {
    /// The minutes that viewers have watched.
    pub minutes: i64,
    /// The rows that they are counted into: one for each title and minute.
    pub rows: i64,
    /// By window.
    pub windows: Vec<Window>,
}

impl Rankings {
    /// Whether the target was reached.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.windows.iter().all(|window| quantile(&window.latencies, 0.99) < MOST)
    }
}

impl fmt::Display for Rankings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { minutes, rows, windows } = self;
        writeln!(f, "\nMost watched, with {minutes} minutes behind it in {rows} rows")?;
        for Window { name, first, latencies } in windows {
            writeln!(
                f,
                "  {name}: {} answers, p50 {:.1} ms, p99 {:.1} ms (below {MOST} ms), slowest {:.1} ms; the first, which \
                 is computed meanwhile, {first:.1} ms",
                latencies.len(),
                quantile(latencies, 0.5),
                quantile(latencies, 0.99),
                quantile(latencies, 1.0)
            )?;
        }
        Ok(())
    }
}
