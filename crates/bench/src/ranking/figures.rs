//! The times of rankings, as text.

use std::fmt;

use serde::Serialize;

use crate::report::outcome::quantile;

/// The target of the 99th percentile, in milliseconds.
const MOST: f64 = 50.0;

/// The answers of one window.
#[derive(Debug, Serialize)]
pub struct WindowFigures {
    /// Its name in the query.
    pub name: &'static str,
    /// The time of the first answer, which waits until the ranking is computed, in milliseconds.
    pub first: f64,
    /// The times of the other answers, in milliseconds.
    pub latencies: Vec<f64>,
}

/// The figures of all rankings.
#[derive(Debug, Serialize)]
pub struct RankingFigures {
    /// The minutes that viewers have watched.
    pub minutes: i64,
    /// The rows that hold them: one for each title and minute.
    pub rows: i64,
    /// The figures of each window.
    pub windows: Vec<WindowFigures>,
}

impl RankingFigures {
    /// Whether the target was reached.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.windows.iter().all(|window| quantile(&window.latencies, 0.99) < MOST)
    }
}

impl fmt::Display for RankingFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { minutes, rows, windows } = self;
        writeln!(f, "\nMost watched, with {minutes} minutes behind it in {rows} rows")?;
        for WindowFigures { name, first, latencies } in windows {
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
