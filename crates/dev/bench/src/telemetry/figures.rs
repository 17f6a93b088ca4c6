//! The speed of reading telemetry, as text.

use std::fmt;

use serde::Serialize;

use crate::report::outcome::{quantile, ratios};

/// The minimum rate of a reader on a backlog, as a share of the bare loop's.
const LEAST: f64 = 0.9;
const RATE: f64 = 0.99;
/// The maximum number of seconds that a reader may need after the last confirm of a flood.
const BEHIND: f64 = 2.0;

/// The rounds of a backlog, and the flood.
#[derive(Debug, Serialize)]
pub struct TelemetryFigures {
    /// The messages of the backlog.
    pub backlog: u32,
    /// Messages per second of the reader and of the bare loop, by round.
    pub reader: Vec<f64>,
    /// The same of the bare loop, see `reader`.
    pub bare: Vec<f64>,
    /// The flood that two services read meanwhile.
    pub flood: FloodFigures,
}

/// A flood: messages at a steady rate that two services read meanwhile.
#[derive(Debug, Serialize)]
pub struct FloodFigures {
    /// The intended messages a second.
    pub wanted: u32,
    /// The confirmed messages a second.
    pub confirmed: f64,
    /// The number of messages that were not confirmed.
    pub refused: usize,
    /// The times until the confirms, in milliseconds.
    pub latencies: Vec<f64>,
    /// The seconds from the last confirm until each of the two services had read everything.
    pub behind: [f64; 2],
}

impl TelemetryFigures {
    /// The reader's rate as a share of the bare loop's, by the median of the rounds.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        quantile(&ratios(&self.reader, &self.bare), 0.5)
    }

    /// Whether the targets were reached.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        let FloodFigures { wanted, confirmed, refused, latencies: _, behind } = &self.flood;
        self.ratio() >= LEAST
            && *confirmed >= RATE * f64::from(*wanted)
            && *refused == 0
            && behind.iter().all(|seconds| *seconds <= BEHIND)
    }
}

impl fmt::Display for TelemetryFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |all: &[f64], at| quantile(all, at);
        writeln!(
            f,
            "\nTelemetry: a backlog of {} messages, {} rounds in turn\n  reader {:.0}/s, bare loop {:.0}/s (medians), \
             ratio {:.2} (at least {LEAST})",
            self.backlog,
            self.reader.len(),
            at(&self.reader, 0.5),
            at(&self.bare, 0.5),
            self.ratio()
        )?;
        let FloodFigures { wanted, confirmed, refused, latencies, behind } = &self.flood;
        writeln!(
            f,
            "  {wanted}/s sent while two services read: {confirmed:.0}/s confirmed, {refused} refused, confirm p50 \
             {:.1} ms, p99 {:.1} ms; all read {:.1} and {:.1} s after the last (at most {BEHIND} s)",
            at(latencies, 0.5),
            at(latencies, 0.99),
            behind[0],
            behind[1]
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_that_is_not_read_within_seconds_misses_the_target() {
        let reached = |confirmed: f64, behind| {
            let latencies = vec![1.0];
            let flood = FloodFigures { wanted: 100, confirmed, refused: 0, latencies, behind };
            TelemetryFigures { backlog: 10, reader: vec![95.0], bare: vec![100.0], flood }
                .is_reached()
        };
        assert!(reached(100.0, [0.1, 2.0]));
        assert!(!reached(100.0, [0.1, 2.1]));
        assert!(!reached(98.0, [0.1, 0.1]));
    }
}
