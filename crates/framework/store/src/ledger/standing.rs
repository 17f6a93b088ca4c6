//! The one rule of what stands in a saga, and of what is compensated next. There is no I/O here.

use std::cmp::Reverse;
use std::collections::HashMap;

use ballet_core::{Part, StepKind};

use crate::ledger::entry::{Entry, StepKey};

/// The fields of a ledger row that the rule reads.
#[derive(Debug, Clone, Copy)]
pub struct RowFields<'a> {
    /// The step and its key.
    pub at: StepKey<'a>,
    /// The state that the row records.
    pub entry: Entry,
    /// The place of the row among those of the saga.
    pub ordinal: i32,
}

/// A row of the ledger, as somebody reads it.
pub trait LedgerLine {
    /// The fields that the rule reads.
    fn line(&self) -> RowFields<'_>;
}

/// A version's declaration of a step that the ledger names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepDeclaration {
    /// It is a step of the saga.
    Step(StepKind),
    /// It is a step of another saga, which has the same id.
    OfAnotherSaga,
    /// This version knows no such step. It is taken for one of each saga with the id.
    Unknown,
}

impl StepDeclaration {
    /// Looks up how a service declares a step, for one of its sagas.
    #[must_use]
    pub fn of(part: &Part, saga: &str, name: &str) -> Self {
        let mut all = part.sagas.iter();
        let found = all.find_map(|of| Some((of, of.steps.iter().find(|step| step.name == name)?)));
        match found {
            Some((of, step)) if of.saga == saga => Self::Step(step.kind),
            Some(_) => Self::OfAnotherSaga,
            None => Self::Unknown,
        }
    }

    /// Origins, decisions and retriable steps have no compensation. At an unknown step the service
    /// stops until a version runs that knows it.
    #[must_use]
    pub const fn can_be_compensated(self) -> bool {
        match self {
            Self::Step(kind) => kind.can_be_compensated(),
            Self::OfAnotherSaga => false,
            Self::Unknown => true,
        }
    }
}

/// How far a step is: its furthest entry. `None` if it has not begun.
pub fn state<'a, R: LedgerLine + 'a>(
    rows: impl IntoIterator<Item = &'a R>,
    at: StepKey<'_>,
) -> Option<Entry> {
    let lines = rows.into_iter().map(LedgerLine::line).filter(|line| line.at == at);
    lines.map(|line| line.entry).filter(|entry| is_of_progress(*entry)).max()
}

/// Other entries say nothing of how far a step is.
const fn is_of_progress(entry: Entry) -> bool {
    !matches!(entry, Entry::Arrived | Entry::Aborted)
}

/// The [`state`] of each step that has begun. A saga may have many thousand repetitions of a step.
fn states<R: LedgerLine>(rows: &[R]) -> HashMap<StepKey<'_>, Entry> {
    let mut states = HashMap::new();
    for RowFields { at, entry, .. } in rows.iter().map(LedgerLine::line) {
        if is_of_progress(entry) {
            let state = states.entry(at).or_insert(entry);
            *state = entry.max(*state);
        }
    }
    states
}

/// The outcomes of the steps that took effect, can be compensated, and are not.
pub fn standing<R: LedgerLine>(
    rows: &[R],
    declared: impl Fn(&str) -> StepDeclaration,
) -> impl Iterator<Item = &R> {
    let states = states(rows);
    rows.iter().filter(move |row| {
        let RowFields { at, entry, .. } = row.line();
        entry == Entry::Done
            && states.get(&at) == Some(&Entry::Done)
            && declared(at.step).can_be_compensated()
    })
}

/// The remaining compensations of an aborted saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemainingCompensations<'a, R> {
    /// A call is out, and its outcome takes up the rest.
    Call(&'a R),
    /// The outcomes of these steps are compensated, in this order. A compensation here changes
    /// nothing for the others. After one that makes a call no other follows.
    Steps(Vec<&'a R>),
}

/// Compensations run one after the other, that of the latest step first, and none while a call is out.
pub fn left<R: LedgerLine>(
    rows: &[R],
    declared: impl Fn(&str) -> StepDeclaration,
) -> RemainingCompensations<'_, R> {
    let states = states(rows);
    let is_out = |row: &&R| {
        let RowFields { at, entry, .. } = row.line();
        matches!(entry, Entry::Calling | Entry::Compensating)
            && states.get(&at) == Some(&entry)
            && declared(at.step) != StepDeclaration::OfAnotherSaga
    };
    if let Some(row) = rows.iter().find(is_out) {
        return RemainingCompensations::Call(row);
    }
    let mut steps: Vec<&R> = standing(rows, declared).collect();
    steps.sort_by_key(|row| Reverse(row.line().ordinal));
    RemainingCompensations::Steps(steps)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct TestRow {
        at: StepKey<'static>,
        entry: Entry,
        ordinal: i32,
    }

    impl LedgerLine for TestRow {
        fn line(&self) -> RowFields<'_> {
            RowFields { at: self.at, entry: self.entry, ordinal: self.ordinal }
        }
    }

    fn row(step: &'static str, entry: Entry, ordinal: i32) -> TestRow {
        TestRow { at: StepKey { step, key: "" }, entry, ordinal }
    }

    fn declared(name: &str) -> StepDeclaration {
        match name {
            "paint" => StepDeclaration::Unknown,
            "deliver" => StepDeclaration::OfAnotherSaga,
            "confirm" => StepDeclaration::Step(StepKind::Retriable),
            "pay" => StepDeclaration::Step(StepKind::Pivot),
            _ => StepDeclaration::Step(StepKind::Compensatable),
        }
    }

    /// The rule in its shortest form, which is too slow for many rows: what comes next.
    fn next(rows: &[TestRow]) -> Option<&TestRow> {
        let is_out = |row: &&TestRow| {
            matches!(row.entry, Entry::Calling | Entry::Compensating)
                && state(rows, row.at) == Some(row.entry)
                && declared(row.at.step) != StepDeclaration::OfAnotherSaga
        };
        let stands = |row: &&TestRow| {
            row.entry == Entry::Done
                && state(rows, row.at) == Some(Entry::Done)
                && declared(row.at.step).can_be_compensated()
        };
        let latest = || rows.iter().filter(stands).max_by_key(|row| row.ordinal);
        rows.iter().find(is_out).or_else(latest)
    }

    proptest! {
        /// Whatever a ledger has, the steps in their order are those that come next, one after the other.
        #[test]
        fn what_is_left_is_what_comes_next_until_nothing_does(
            entries in prop::collection::vec((0..6_usize, 0..3_usize, 0..Entry::ALL.len()), 0..40)
        ) {
            const STEPS: [&str; 6] = ["", "reserve", "pay", "confirm", "deliver", "paint"];
            const KEYS: [&str; 3] = ["", "ann", "bob"];
            let mut known = HashSet::new();
            let entries = entries.into_iter().filter(|row| known.insert(*row));
            let row = |(ordinal, (step, key, entry)): (i32, (usize, usize, usize))| TestRow {
                at: StepKey { step: STEPS[step], key: KEYS[key] },
                entry: Entry::ALL[entry],
                ordinal,
            };
            let mut rows: Vec<TestRow> = (0..).zip(entries).map(row).collect();
            let before = rows.clone();
            let steps = match left(&before, declared) {
                RemainingCompensations::Call(row) => {
                    prop_assert_eq!(next(&rows), Some(row));
                    return Ok(());
                }
                RemainingCompensations::Steps(steps) => steps,
            };
            for (ordinal, step) in (100..).zip(steps) {
                prop_assert_eq!(next(&rows), Some(step));
                rows.push(TestRow { at: step.at, entry: Entry::Compensated, ordinal });
            }
            prop_assert_eq!(next(&rows), None);
        }
    }

    #[test]
    fn the_latest_step_that_stands_is_compensated_next() {
        let (reserve, pay) = (row("reserve", Entry::Done, 0), row("pay", Entry::Done, 1));
        let mut rows = vec![
            reserve.clone(),
            pay.clone(),
            row("confirm", Entry::Done, 2),
            row("deliver", Entry::Done, 3),
        ];
        assert_eq!(left(&rows, declared), RemainingCompensations::Steps(vec![&pay, &reserve]));
        rows.push(row("", Entry::Aborted, 4));
        rows.push(row("pay", Entry::Compensated, 5));
        assert_eq!(left(&rows, declared), RemainingCompensations::Steps(vec![&reserve]));
        rows.push(row("reserve", Entry::Compensated, 6));
        assert_eq!(left(&rows, declared), RemainingCompensations::Steps(Vec::new()));
    }

    #[test]
    fn an_unknown_step_is_not_passed_over() {
        let rows = [row("reserve", Entry::Done, 0), row("paint", Entry::Done, 1)];
        assert_eq!(left(&rows, declared), RemainingCompensations::Steps(vec![&rows[1], &rows[0]]));
    }

    #[test]
    fn nothing_is_compensated_while_a_call_of_the_saga_is_out() {
        let call = |step| [row("reserve", Entry::Done, 0), row(step, Entry::Calling, 1)];
        let (of_this, of_another) = (call("pay"), call("deliver"));
        assert_eq!(left(&of_this, declared), RemainingCompensations::Call(&of_this[1]));
        assert_eq!(
            left(&of_another, declared),
            RemainingCompensations::Steps(vec![&of_another[0]])
        );
    }
}
