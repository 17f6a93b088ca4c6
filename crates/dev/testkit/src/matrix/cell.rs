//! A cell of the matrix: what a pair of steps does to each other, in words.

use std::fmt;

use serde_json::Value;

use crate::matrix::rig::Snapshot;

/// The longest statement in a text.
const LONGEST: usize = 600;

/// What one step does to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The pair was not tried.
    NotTried,
    /// The order does not matter, and an undo leaves what the other one alone leaves.
    Commutes,
    /// The same, since a guard keeps them apart: named rows, a lock, a version, a refusal.
    Guarded,
    /// Of two changes of one row, one is lost.
    LosesUpdate,
    /// What the other one does rests on what is undone afterwards.
    ReadsUndone,
    /// The undo fails, or leaves another row than if the step had never run. Or a refusal does.
    CannotBeUndone,
    /// The step fails for good if the other one, of its own saga, has not run yet. After a restore events come in any order.
    GivesUp,
    /// The step locks several rows in no order: two runs of it wait for each other.
    LocksInNoOrder,
    /// The step blocks: others wait for its rows, and for its place in the lane.
    Blocks,
}

impl Verdict {
    /// Whether the pair is at fault.
    #[must_use]
    pub fn is_flaw(self) -> bool {
        self >= Self::LosesUpdate
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotTried => "not tried",
            Self::Commutes => "commutes",
            Self::Guarded => "commutes by its guard",
            Self::LosesUpdate => "loses an update",
            Self::ReadsUndone => "reads what is undone",
            Self::CannotBeUndone => "cannot be undone",
            Self::GivesUp => "gives up too early",
            Self::LocksInNoOrder => "locks rows in no order",
            Self::Blocks => "blocks",
        })
    }
}

/// A step, and another one of another saga beside it.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The step.
    pub step: &'static str,
    /// The other one, which may be another run of the same step.
    pub other: &'static str,
    /// What the pair does.
    pub verdict: Verdict,
    /// Why: the guard, the reason for not trying it, or the rows, statements and values.
    pub why: String,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, other, verdict, why } = self;
        let (of, saga) = match verdict {
            Verdict::GivesUp => ("before", "its"),
            _ => ("with", "another"),
        };
        write!(f, "{step}, {of} {other} of {saga} saga: {verdict}")?;
        if why.is_empty() { Ok(()) } else { write!(f, ": {why}") }
    }
}

/// A row that should be another one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WrongRow {
    pub(super) table: String,
    pub(super) key: String,
    before: Value,
    should: Value,
    is: Value,
}

/// Returns the first row that differs and counts.
pub(super) fn wrong_row(
    before: &Snapshot,
    should: &Snapshot,
    is: &Snapshot,
    counts: impl Fn(&(String, String), &Value) -> bool,
) -> Option<WrongRow> {
    let row = |of: &Snapshot, at: &(String, String)| of.get(at).cloned().unwrap_or_default();
    let differs = |at: &&(String, String)| {
        let (should, is) = (row(should, at), row(is, at));
        should != is && counts(at, if is.is_null() { &should } else { &is })
    };
    should.keys().chain(is.keys()).find(differs).map(|at| WrongRow {
        table: at.0.clone(),
        key: at.1.clone(),
        before: row(before, at),
        should: row(should, at),
        is: row(is, at),
    })
}

impl fmt::Display for WrongRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, key, before, should, is } = self;
        write!(f, "row {key} of {table} ")?;
        let (Some(expected), Some(found)) = (should.as_object(), is.as_object()) else {
            let word = |row: &Value| if row.is_null() { "missing".into() } else { row.to_string() };
            return write!(f, "should be {} and is {}", word(should), word(is));
        };
        let differ = expected.iter().filter(|(column, value)| found.get(*column) != Some(*value));
        let columns = differ.map(|(column, value)| {
            let (was, is) = (&before[column], &found[column]);
            format!("{column} was {was}, should be {value} and is {is}")
        });
        f.write_str(&columns.collect::<Vec<_>>().join("; "))
    }
}

/// Returns the statement of a run that is about a table: the last that writes, or else the last one.
pub(super) fn statement_on(statements: &[String], table: &str) -> String {
    let names = |statement: &&String| names(statement, table);
    let writes = |statement: &&String| {
        ["insert", "update", "delete"].iter().any(|word| statement.to_lowercase().contains(word))
    };
    let about = || statements.iter().rev().filter(names);
    let chosen = about().find(writes).or_else(|| about().next()).or_else(|| statements.last());
    chosen.map_or_else(|| "no statement".into(), |chosen| chosen.chars().take(LONGEST).collect())
}

/// Whether a statement locks several rows, and not one after the other in an order that each run has.
pub(super) fn locks_in_no_order(statement: &str) -> bool {
    let statement = statement.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| statement.contains(word));
    has(&[" for update", " for no key update", " for share", " for key share"])
        && has(&["any(", "any (", "unnest(", " join "])
        && !has(&["order by", "skip locked"])
}

/// Whether a statement has this name, which may be quoted.
pub(crate) fn names(statement: &str, table: &str) -> bool {
    let table = table.trim_matches('"');
    let mut words = statement.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|word| word == table)
}
