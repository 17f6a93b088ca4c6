//! The figures of the stream's commands, as tables.

use std::fmt;

use ballet_terminal::{Cell, Table};
use serde::Serialize;

use crate::report::outcome::{quantile, ratios};
use crate::stream::compare::ComparisonResult;
use crate::stream::million::MillionFigures;
use crate::stream::turn::ProcessCost;

/// The least rate of a command, as a share of the bare loop's.
const LEAST: f64 = 0.9;
/// The longest that the comparison of all sagas may take, in seconds.
const LONGEST: f64 = 30.0;
/// The most memory that a million events may take beyond a turn's, in megabytes.
const FLAT: f64 = 16.0;
/// The most memory that the comparison of all sagas may take, in megabytes.
const LARGEST: f64 = 256.0;

/// The figures of a program, round by round.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ProgramFigures {
    /// Events a second.
    pub(crate) events: Vec<f64>,
    /// Microseconds of processor time for an event.
    pub(crate) processor: Vec<f64>,
    /// The peak memory, in megabytes.
    pub(crate) memory: f64,
}

/// A command beside the bare loop.
#[derive(Debug, Serialize)]
pub(crate) struct CommandPair {
    pub(crate) job: &'static str,
    pub(crate) bare: ProgramFigures,
    pub(crate) ballet: ProgramFigures,
}

/// The figures of a comparison.
#[derive(Debug, Serialize)]
pub(crate) struct ComparisonFigures {
    pub(crate) took: ProcessCost,
    pub(crate) found: ComparisonResult,
}

/// All figures.
#[derive(Debug, Serialize)]
pub struct StreamFigures {
    /// The number of events in a turn.
    pub(crate) events: u64,
    pub(crate) pairs: Vec<CommandPair>,
    pub(crate) million: MillionFigures,
    /// The comparisons of a tenth of the sagas, and of all.
    pub(crate) compared: Vec<ComparisonFigures>,
}

struct StreamVerdict {
    is_reached: bool,
    what: String,
}

impl ProgramFigures {
    pub(crate) fn add(&mut self, took: ProcessCost, events: u64) {
        let events = number(events);
        self.events.push(events / took.seconds);
        self.processor.push(took.milliseconds * 1_000.0 / events);
        self.memory = self.memory.max(took.memory);
    }
}

/// Shows the figures of the last round.
impl fmt::Display for ProgramFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} events/s", self.events.last().copied().unwrap_or(f64::NAN))
    }
}

impl CommandPair {
    pub(crate) fn new(job: &'static str) -> Self {
        Self { job, bare: ProgramFigures::default(), ballet: ProgramFigures::default() }
    }

    fn ratios(&self) -> Vec<f64> {
        ratios(&self.ballet.events, &self.bare.events)
    }
}

impl StreamFigures {
    /// Whether all targets were reached.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.verdicts().iter().all(|verdict| verdict.is_reached)
    }

    fn verdicts(&self) -> Vec<StreamVerdict> {
        let mut all = Vec::new();
        let mut add = |is_reached, what| all.push(StreamVerdict { is_reached, what });
        for pair in &self.pairs {
            let ratios = pair.ratios();
            let [median, least, most] = [0.5, 0.0, 1.0].map(|at| quantile(&ratios, at));
            let what = format!(
                "{median:8.2}  ({least:.2}-{most:.2})  events per second of {}, against the bare loop: \
                 at least {LEAST}",
                pair.job
            );
            add(median >= LEAST, what);
        }
        let MillionFigures { replay, record, .. } = &self.million;
        for (job, took) in [("replay", replay), ("record", record)] {
            let turn = self.pairs.iter().find(|pair| pair.job == job);
            let more = took.memory - turn.map_or(f64::NAN, |pair| pair.ballet.memory);
            let what = format!(
                "{more:8.1}  more MB for {job} of all events than of a turn: at most {FLAT:.0}"
            );
            add(more <= FLAT, what);
        }
        let wrong = self.compared.iter().find(|compared| !compared.found.is_exact());
        let found = wrong.or(self.compared.last());
        if let Some(ComparisonFigures {
            found: ComparisonResult { different, broken, wrong, .. },
            ..
        }) = found
        {
            let is_exact = wrong == &0 && different == broken;
            let what = format!(
                "{different:8}  sagas found to differ, {wrong} other differences: exactly the {broken} \
                 broken ones"
            );
            add(is_exact, what);
        }
        if let Some(ComparisonFigures { took, .. }) = self.compared.last() {
            let seconds = took.seconds;
            let what = format!("{seconds:8.1}  seconds to compare all sagas: at most {LONGEST:.0}");
            add(seconds <= LONGEST, what);
            let what =
                format!("{:8.0}  MB to compare all sagas: at most {LARGEST:.0}", took.memory);
            add(took.memory <= LARGEST, what);
        }
        all
    }

    fn turns(&self) -> Table {
        let header = ["", "events/s", "spread", "of the bare loop", "CPU us", "MB"];
        let mut table = Table::new(header).right(1..=5);
        for pair in &self.pairs {
            let ratio = format!("{:.2}", quantile(&pair.ratios(), 0.5));
            for (who, row, ratio) in [("bare", &pair.bare, ""), ("ballet", &pair.ballet, &ratio)] {
                let at = |at| quantile(&row.events, at);
                let cells = [
                    format!("{who} {}", pair.job),
                    format!("{:.0}", at(0.5)),
                    format!("{:.0}-{:.0}", at(0.0), at(1.0)),
                    ratio.to_owned(),
                    format!("{:.1}", quantile(&row.processor, 0.5)),
                    format!("{:.0}", row.memory),
                ];
                table.row(cells.map(Cell::from));
            }
        }
        table
    }

    fn all(&self) -> Table {
        let MillionFigures { events, replay, record, .. } = &self.million;
        let mut table = Table::new(["", "events", "seconds", "CPU s", "MB"]).right(1..=4);
        let mut add = |what: String, events: u64, took: &ProcessCost| {
            let ProcessCost { seconds, milliseconds, memory } = took;
            let cells = [
                what,
                events.to_string(),
                format!("{seconds:.1}"),
                format!("{:.1}", milliseconds / 1_000.0),
                format!("{memory:.0}"),
            ];
            table.row(cells.map(Cell::from));
        };
        add("replay, interrupted once".to_owned(), *events, replay);
        add("record, killed once".to_owned(), *events, record);
        for ComparisonFigures { took, found } in &self.compared {
            let events = found.sagas * 2 * crate::stream::orders::EVENTS_EACH;
            add(format!("compare {} sagas", found.sagas), events, took);
        }
        table
    }
}

impl fmt::Display for StreamFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.events;
        writeln!(f, "\nThe stream of all events: {events} events in each turn\n{}", self.turns())?;
        let MillionFigures { size, replayed, recorded, .. } = &self.million;
        writeln!(f, "{}", self.all())?;
        writeln!(
            f,
            "  a recording of {size:.0} MB; the replay was stopped after {replayed} events, and the \
             recording killed after {recorded:.0} MB; all events were there once, in their order"
        )?;
        for StreamVerdict { is_reached, what } in self.verdicts() {
            let mark = if is_reached { "reached" } else { "MISSED " };
            writeln!(f, "  {mark}  {what}")?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn number(events: u64) -> f64 {
    events as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams(bare: [f64; 3], ballet: [f64; 3], wrong: u64) -> StreamFigures {
        let row = |events: [f64; 3]| ProgramFigures {
            events: events.to_vec(),
            processor: vec![9.0; 3],
            memory: 20.0,
        };
        let took = ProcessCost { seconds: 9.0, milliseconds: 8_000.0, memory: 30.0 };
        let million = MillionFigures {
            events: 1_000,
            size: 1.0,
            replay: took,
            replayed: 400,
            record: took,
            recorded: 0.4,
        };
        let found = ComparisonResult {
            sagas: 100,
            different: 3,
            broken: 3,
            wrong,
            expected: 1.0,
            came: 2.0,
            compared: 3.0,
        };
        StreamFigures {
            events: 100,
            pairs: ["record", "replay"]
                .map(|job| CommandPair { job, bare: row(bare), ballet: row(ballet) })
                .into(),
            million,
            compared: vec![ComparisonFigures { took, found }],
        }
    }

    #[test]
    fn rounds_are_compared_with_each_other() {
        // Both programs are slow in the second round.
        let all = streams([100.0, 10.0, 100.0], [95.0, 9.1, 80.0], 0);
        assert!(all.to_string().contains("reached      0.91  (0.80-0.95)"), "{all}");
        let all = streams([100.0, 10.0, 100.0], [85.0, 8.0, 99.0], 0);
        assert!(all.to_string().contains("MISSED       0.85  (0.80-0.99)"), "{all}");
    }

    #[test]
    fn a_difference_that_nobody_made_is_no_success() {
        let one = streams([1.0; 3], [1.0; 3], 1).to_string();
        assert!(one.contains("MISSED ") && one.contains("1 other differences"), "{one}");
        assert!(!streams([1.0; 3], [1.0; 3], 0).to_string().contains("MISSED "));
    }
}
