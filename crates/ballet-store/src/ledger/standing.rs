//! The one rule of what stands in a saga, and of what is compensated next. There is no I/O here.

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
pub trait Recorded {
    /// The fields that the rule reads.
    fn line(&self) -> RowFields<'_>;
}

/// A version's declaration of a step that the ledger names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// It is a step of the saga.
    Step(StepKind),
    /// It is a step of another saga, which has the same id.
    OfAnotherSaga,
    /// This version knows no such step. It is taken for one of each saga with the id.
    Unknown,
}

impl Declared {
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

    /// Origins, decisions and retriable steps have no compensation. An unknown step is not passed over: the
    /// service stops there until a version runs that knows it.
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
pub fn state<'a, R: Recorded + 'a>(
    rows: impl IntoIterator<Item = &'a R>,
    at: StepKey<'_>,
) -> Option<Entry> {
    let lines = rows.into_iter().map(Recorded::line).filter(|line| line.at == at);
    let entries = lines.map(|line| line.entry);
    entries.filter(|entry| !matches!(entry, Entry::Arrived | Entry::Aborted)).max()
}

/// The outcomes of the steps that took effect, can be compensated, and are not.
pub fn standing<R: Recorded>(
    rows: &[R],
    declared: impl Fn(&str) -> Declared,
) -> impl Iterator<Item = &R> {
    rows.iter().filter(move |row| {
        let RowFields { at, entry, .. } = row.line();
        entry == Entry::Done
            && state(rows, at) == Some(Entry::Done)
            && declared(at.step).can_be_compensated()
    })
}

/// The next compensation in an aborted saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<'a, R> {
    /// Nothing is left to compensate.
    Nothing,
    /// A call is out, and its outcome takes up the rest.
    Call(&'a R),
    /// The outcome of this step is compensated.
    Step(&'a R),
}

/// Compensations run one after the other, that of the latest step first, and none while a call is out.
pub fn next<R: Recorded>(rows: &[R], declared: impl Fn(&str) -> Declared) -> Next<'_, R> {
    let is_out = |row: &&R| {
        let RowFields { at, entry, .. } = row.line();
        matches!(entry, Entry::Calling | Entry::Compensating)
            && state(rows, at) == Some(entry)
            && declared(at.step) != Declared::OfAnotherSaga
    };
    if let Some(row) = rows.iter().find(is_out) {
        return Next::Call(row);
    }
    let latest = standing(rows, declared).max_by_key(|row| row.line().ordinal);
    latest.map_or(Next::Nothing, Next::Step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct Row(&'static str, Entry, i32);

    impl Recorded for Row {
        fn line(&self) -> RowFields<'_> {
            RowFields { at: StepKey { step: self.0, key: "" }, entry: self.1, ordinal: self.2 }
        }
    }

    fn declared(name: &str) -> Declared {
        match name {
            "paint" => Declared::Unknown,
            "deliver" => Declared::OfAnotherSaga,
            "confirm" => Declared::Step(StepKind::Retriable),
            "pay" => Declared::Step(StepKind::Pivot),
            _ => Declared::Step(StepKind::Compensatable),
        }
    }

    #[test]
    fn the_latest_step_that_stands_is_compensated_next() {
        let reserve = Row("reserve", Entry::Done, 0);
        let pay = Row("pay", Entry::Done, 1);
        let mut rows =
            vec![reserve, pay, Row("confirm", Entry::Done, 2), Row("deliver", Entry::Done, 3)];
        assert_eq!(next(&rows, declared), Next::Step(&Row("pay", Entry::Done, 1)));
        rows.push(Row("", Entry::Aborted, 4));
        rows.push(Row("pay", Entry::Compensated, 5));
        assert_eq!(next(&rows, declared), Next::Step(&Row("reserve", Entry::Done, 0)));
        rows.push(Row("reserve", Entry::Compensated, 6));
        assert_eq!(next(&rows, declared), Next::Nothing);
    }

    #[test]
    fn an_unknown_step_is_not_passed_over() {
        let rows = [Row("reserve", Entry::Done, 0), Row("paint", Entry::Done, 1)];
        assert_eq!(next(&rows, declared), Next::Step(&rows[1]));
    }

    #[test]
    fn nothing_is_compensated_while_a_call_of_the_saga_is_out() {
        let call = |step| [Row("reserve", Entry::Done, 0), Row(step, Entry::Calling, 1)];
        assert_eq!(next(&call("pay"), declared), Next::Call(&Row("pay", Entry::Calling, 1)));
        assert_eq!(next(&call("deliver"), declared), Next::Step(&Row("reserve", Entry::Done, 0)));
    }
}
