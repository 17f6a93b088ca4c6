//! The outcome of a group: the figures of its rows, and the verdicts on its targets.

use std::fmt;

use ballet_ops::terminal::{Cell, Table};
use serde::Serialize;

use crate::report::groups::{BenchTarget, Bound, Group, targets};

/// A line of a table: the figures of all rounds, by column.
#[derive(Debug, Serialize)]
pub struct FigureRow {
    label: String,
    columns: Vec<(&'static str, Vec<f64>)>,
}

impl FigureRow {
    /// An empty row.
    #[must_use]
    pub fn new(label: &str) -> Self {
        Self { label: label.to_owned(), columns: Vec::new() }
    }

    /// A row of one round.
    #[must_use]
    pub fn of(label: &str, figures: &[(&'static str, f64)]) -> Self {
        let mut row = Self::new(label);
        row.add(figures);
        row
    }

    /// Adds the figures of a round.
    pub fn add(&mut self, figures: &[(&'static str, f64)]) {
        for (column, value) in figures {
            match self.columns.iter_mut().find(|(name, _)| name == column) {
                Some((_, values)) => values.push(*value),
                None => self.columns.push((*column, vec![*value])),
            }
        }
    }

    /// The median of a column; no number without figures.
    #[must_use]
    pub fn median(&self, column: &str) -> f64 {
        quantile(self.rounds(column), 0.5)
    }

    fn rounds(&self, column: &str) -> &[f64] {
        let found = self.columns.iter().find(|(name, _)| *name == column);
        found.map_or(&[][..], |(_, values)| values)
    }
}

/// The outcome of a group.
#[derive(Debug, Serialize)]
pub struct GroupOutcome {
    title: String,
    rows: Vec<FigureRow>,
    verdicts: Vec<TargetVerdict>,
}

/// The verdict on a target.
#[derive(Debug, Serialize)]
struct TargetVerdict {
    /// The target, in words.
    what: String,
    /// The median of the rounds, and their smallest and largest value.
    value: f64,
    spread: (f64, f64),
    bound: Bound,
    reached: bool,
}

impl GroupOutcome {
    /// Judges a group's rows.
    #[must_use]
    pub fn new(group: Group, rows: Vec<FigureRow>) -> Self {
        let verdicts = targets(group).iter().filter_map(|target| judge(target, &rows)).collect();
        Self { title: group.title(), rows, verdicts }
    }

    /// Whether all targets were reached.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.reached)
    }
}

/// `None` if a row of the target was not measured.
fn judge(target: &BenchTarget, rows: &[FigureRow]) -> Option<TargetVerdict> {
    let find = |label: &str| rows.iter().find(|row| row.label == label);
    let BenchTarget { of, to, column, bound } = *target;
    let figures = find(of)?.rounds(column);
    let (what, values) = match to {
        // Round by round, so that other work on the machine is on both sides.
        Some(to) => {
            let others = find(to)?.rounds(column);
            let ratios = figures.iter().zip(others).map(|(of, to)| of / to).collect();
            (format!("{column} of {of}, against {to}"), ratios)
        }
        None => (format!("{column} of {of}"), figures.to_vec()),
    };
    let [value, least, most] = [0.5, 0.0, 1.0].map(|at| quantile(&values, at));
    let reached = match bound {
        Bound::AtLeast(bound) => value >= bound,
        Bound::AtMost(bound) => value <= bound,
    };
    Some(TargetVerdict { what, value, spread: (least, most), bound, reached })
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

fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => String::new(),
        value if value < 1.0 => format!("{value:.3}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

impl fmt::Display for GroupOutcome {
    /// The medians, the first column with its spread.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut columns: Vec<&'static str> = Vec::new();
        for (column, _) in self.rows.iter().flat_map(|row| &row.columns) {
            if !columns.contains(column) {
                columns.push(*column);
            }
        }
        let mut table = Table::new([""].into_iter().chain(columns.iter().copied()));
        table = table.right(1..=columns.len());
        for row in &self.rows {
            let mut cells = vec![row.label.clone()];
            for column in &columns {
                let mut cell = number(row.median(column));
                let rounds = row.rounds(column);
                if cells.len() == 1 && rounds.len() > 1 {
                    let [least, most] = [0.0, 1.0].map(|at| number(quantile(rounds, at)));
                    cell = format!("{cell} ({least}-{most})");
                }
                cells.push(cell);
            }
            table.row(cells.into_iter().map(Cell::from));
        }
        writeln!(f, "\n{}\n{table}", self.title)?;
        for TargetVerdict { what, value, spread: (least, most), bound, reached } in &self.verdicts {
            let mark = if *reached { "reached" } else { "MISSED " };
            writeln!(f, "  {mark}  {value:8.2}  ({least:.2}-{most:.2})  {what}: {bound}")?;
        }
        Ok(())
    }
}
