//! The outcome of a group: medians, spread, and the verdicts on its targets.

use ballet_ops::terminal::{Cell, Table};
use serde::Serialize;

use crate::report::groups::{BenchTarget, Bound, Group, Measure, targets};
use crate::runs::figures::RunFigures;

/// The figures of a case in all rounds.
#[derive(Debug, Serialize)]
pub struct CaseRow {
    /// The case.
    pub label: String,
    /// Statements per message, if they were counted.
    pub statements: Option<f64>,
    /// The figures of each round.
    pub rounds: Vec<RunFigures>,
}

/// The outcome of a group.
#[derive(Debug, Serialize)]
pub struct GroupOutcome {
    /// The group's name.
    pub group: String,
    /// The group's title.
    pub title: String,
    /// The group's cases.
    pub rows: Vec<CaseRow>,
    /// The verdicts on the group's targets.
    pub verdicts: Vec<TargetVerdict>,
}

/// The verdict on a target.
#[derive(Debug, Serialize)]
pub struct TargetVerdict {
    /// The target, in words.
    pub what: String,
    /// The measured value.
    pub value: f64,
    /// The smallest and the largest value of the rounds.
    pub spread: (f64, f64),
    /// The bound, in words.
    pub bound: String,
    /// Whether the value is within the bound.
    pub reached: bool,
}

impl TargetVerdict {
    /// The median has to be within the bound.
    pub(crate) fn new(what: String, values: &[f64], bound: Bound) -> Self {
        let [value, least, most] = [0.5, 0.0, 1.0].map(|at| quantile(values, at));
        let (bound, reached) = match bound {
            Bound::AtLeast(bound) => (format!("at least {bound}"), value >= bound),
            Bound::AtMost(bound) => (format!("at most {bound}"), value <= bound),
        };
        Self { what, value, spread: (least, most), bound, reached }
    }
}

impl std::fmt::Display for TargetVerdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, value, spread: (least, most), bound, reached } = self;
        let mark = if *reached { "reached" } else { "MISSED " };
        write!(f, "  {mark}  {value:8.2}  ({least:.2}-{most:.2})  {what}: {bound}")
    }
}

impl CaseRow {
    /// An empty row.
    #[must_use]
    pub fn new(label: &str) -> Self {
        Self { label: label.to_owned(), statements: None, rounds: Vec::new() }
    }

    fn each(&self, figure: impl Fn(&RunFigures) -> f64) -> Vec<f64> {
        self.rounds.iter().map(figure).collect()
    }

    /// The median of the rounds.
    #[must_use]
    pub fn median(&self, figure: impl Fn(&RunFigures) -> f64) -> f64 {
        quantile(&self.each(figure), 0.5)
    }

    fn measure(&self, by: Measure) -> Vec<f64> {
        match by {
            Measure::Sagas => self.each(|f| f.sagas),
            Measure::Messages => self.each(|f| f.messages),
            Measure::P50 => self.each(|f| quantile(&f.latencies, 0.5)),
            Measure::P99 => self.each(|f| quantile(&f.latencies, 0.99)),
            Measure::Wal => self.each(|f| f.wal),
        }
    }
}

impl GroupOutcome {
    /// Judges a group's rows.
    #[must_use]
    pub fn new(group: Group, rows: Vec<CaseRow>) -> Self {
        let verdicts = targets(group).iter().filter_map(|target| judge(target, &rows)).collect();
        Self { group: group.name(), title: group.title(), rows, verdicts }
    }
}

fn judge(target: &BenchTarget, rows: &[CaseRow]) -> Option<TargetVerdict> {
    let find = |label: &str| rows.iter().find(|row| row.label == label);
    let BenchTarget { of, to, by, bound } = *target;
    let figures = find(of)?.measure(by);
    let what = format!("{} of {of}", name(by));
    let Some(to) = to else { return Some(TargetVerdict::new(what, &figures, bound)) };
    let values = ratios(&figures, &find(to)?.measure(by));
    Some(TargetVerdict::new(format!("{what}, against {to}"), &values, bound))
}

const fn name(measure: Measure) -> &'static str {
    match measure {
        Measure::Sagas => "sagas per second",
        Measure::Messages => "messages per second",
        Measure::P50 => "p50",
        Measure::P99 => "p99",
        Measure::Wal => "WAL per message",
    }
}

/// The ratios round by round, so that other work on the machine in a round is on both sides.
pub(crate) fn ratios(of: &[f64], to: &[f64]) -> Vec<f64> {
    of.iter().zip(to).map(|(of, to)| of / to).collect()
}

/// The quantile of values in any order.
#[must_use]
pub fn quantile(values: &[f64], at: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "an index into a vector"
    )]
    let index = (at * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// An empty cell if no saga ended.
fn milliseconds(values: &[f64]) -> String {
    let median = quantile(values, 0.5);
    match median {
        _ if median.is_nan() => String::new(),
        _ if median < 10.0 => format!("{median:.2}"),
        _ => format!("{median:.1}"),
    }
}

impl std::fmt::Display for GroupOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let header = [
            "", "sagas/s", "spread", "msgs/s", "members", "p50 ms", "p99 ms", "stmts", "WAL B",
            "CPU ms", "postgres", "broker", "services", "MB",
        ];
        let mut table = Table::new(header).right(1..=13);
        for row in &self.rows {
            let sagas = row.measure(Measure::Sagas);
            let spread = format!("{:.0}-{:.0}", quantile(&sagas, 0.0), quantile(&sagas, 1.0));
            let cells = [
                row.label.clone(),
                format!("{:.0}", quantile(&sagas, 0.5)),
                spread,
                format!("{:.0}", row.median(|f| f.messages)),
                format!("{:.1}", row.median(|f| f.members)),
                milliseconds(&row.measure(Measure::P50)),
                milliseconds(&row.measure(Measure::P99)),
                row.statements.map_or_else(String::new, |count| format!("{count:.2}")),
                format!("{:.0}", row.median(|f| f.wal)),
                format!("{:.3}", row.median(|f| f.cpu.total())),
                format!("{:.3}", row.median(|f| f.cpu.postgres)),
                format!("{:.3}", row.median(|f| f.cpu.broker)),
                format!("{:.3}", row.median(|f| f.cpu.services)),
                format!("{:.0}", row.median(|f| f.memory_peak)),
            ];
            table.row(cells.map(Cell::from));
        }
        writeln!(f, "\n{}\n{table}", self.title)?;
        for verdict in &self.verdicts {
            writeln!(f, "{verdict}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_values_in_any_order() {
        let values = [3.0, 1.0, 2.0];
        assert!((quantile(&values, 0.5) - 2.0).abs() < 1e-9);
        assert!((quantile(&values, 0.99) - 3.0).abs() < 1e-9);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
