//! The figures of a console, as tables.

use std::fmt;

use ballet_ops::terminal::{Cell, Table};
use serde::Serialize;

use crate::report::outcome::quantile;

/// Entries a second, judged on one core.
const JUDGED: f64 = 20_000.0;
/// The share of a bare reader's rate, a page in milliseconds, and the causes in seconds.
const OF_BARE: f64 = 0.8;
const PAGE: f64 = 100.0;
const CAUSES: f64 = 2.0;

/// A page of the console that was read several times.
#[derive(Debug, Serialize)]
pub struct PageFigures {
    /// Its address.
    pub path: &'static str,
    /// The times of the reads, in milliseconds.
    pub latencies: Vec<f64>,
}

/// The speed of following the journal, in entries a second.
#[derive(Debug, Serialize)]
pub struct FollowRates {
    /// The speed of a reader that does nothing with the entries.
    pub bare: f64,
    /// The speed of a console.
    pub console: f64,
}

/// The sagas that hang.
#[derive(Debug, Serialize)]
pub struct HungFigures {
    /// The number of sagas.
    pub sagas: usize,
    /// The number of causes.
    pub causes: usize,
    /// From the last message until the first page has all causes.
    pub seconds: f64,
}

/// The figures of a console.
#[derive(Debug, Serialize)]
pub struct ConsoleFigures {
    /// The speed of the judge of properties alone, in entries a second.
    pub judged: f64,
    /// The speed of following the journal.
    pub followed: FollowRates,
    /// The entries among which pages were read.
    pub entries: i64,
    /// The pages.
    pub pages: Vec<PageFigures>,
    /// The sagas that hang.
    pub hung: HungFigures,
    /// The peak memory of the following console, in megabytes.
    pub memory: f64,
}

impl ConsoleFigures {
    /// Whether all targets were reached.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.judged >= JUDGED
            && self.followed.console >= OF_BARE * self.followed.bare
            && self.pages.iter().all(|page| quantile(&page.latencies, 0.95) < PAGE)
            && self.hung.seconds < CAUSES
    }
}

impl fmt::Display for ConsoleFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { judged, followed, entries, pages, hung, memory } = self;
        let FollowRates { bare, console } = followed;
        writeln!(f, "\nJudging properties: {judged:.0} entries/s; wanted {JUDGED}")?;
        writeln!(
            f,
            "\nFollowing the journal: {console:.0} entries/s, {:.2} of a bare reader ({bare:.0}/s), in {memory:.0} MB; \
             wanted {OF_BARE}",
            console / bare
        )?;
        writeln!(f, "\nPages among {entries} entries; wanted p95 < {PAGE} ms")?;
        let mut table = Table::new(["page", "p50 ms", "p95 ms", "slowest"]).right(1..=3);
        for PageFigures { path, latencies } in pages {
            let at = |at| Cell::from(format!("{:.1}", quantile(latencies, at)));
            table.row([Cell::from(*path), at(0.5), at(0.95), at(1.0)]);
        }
        writeln!(f, "{table}")?;
        let HungFigures { sagas, causes, seconds } = hung;
        writeln!(
            f,
            "{sagas} sagas that hang of {causes} causes are on the first page after {seconds:.2} s; wanted {CAUSES} s"
        )
    }
}
