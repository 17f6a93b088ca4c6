//! A step in the ledger of its service: whether its compensation is due and next. There is no I/O.

use ballet_core::{Part, SagaPart, StepPart};
use ballet_store::ledger::entry::{Entry, StepKey};
use ballet_store::ledger::recorded_rows::RowWithBody;
use ballet_store::ledger::standing::{
    LedgerLine as _, RemainingCompensations, StepDeclaration, left, standing, state,
};
use jiff::Timestamp;
use uuid::Uuid;

use crate::audit::ledger::aborts;
use crate::sagas::solve_error::{SolveError, not_calling, refused};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UndoKind {
    /// In a transaction of the service.
    Here,
    /// By a call to the outside, which is open.
    Calls,
}

/// Returns the step of this name if it is of the kind that `wanted` names, as a predicate.
pub(crate) fn declared<'a>(
    part: &'a Part,
    step: &str,
    wanted: &'static str,
    is_wanted: impl Fn(&StepPart) -> bool,
) -> Result<(&'a SagaPart, &'a StepPart), SolveError> {
    let all = part.sagas.iter().flat_map(|saga| saga.steps.iter().map(move |one| (saga, one)));
    let all: Vec<_> = all.filter(|(_, one)| is_wanted(one)).collect();
    all.iter().find(|(_, one)| one.name == step).copied().ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|(_, one)| one.name).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let service = part.service;
        refused(format!("{service} has no step `{step}` that {wanted}; it has: {known}"))
    })
}

#[derive(Debug)]
pub(crate) struct LedgerStep<'a> {
    part: &'a Part,
    saga: &'a SagaPart,
    step: &'a StepPart,
    key: &'a str,
    rows: &'a [RowWithBody],
}

impl<'a> LedgerStep<'a> {
    pub(crate) fn new(
        part: &'a Part,
        saga: &'a SagaPart,
        step: &'a StepPart,
        saga_id: Uuid,
        rows: &'a [RowWithBody],
        key: Option<&str>,
    ) -> Result<Self, SolveError> {
        if rows.is_empty() {
            let service = part.service;
            return Err(refused(format!(
                "{service} has done nothing in saga {saga_id}: is the id right?"
            )));
        }
        let of_step = rows.iter().map(|one| &one.row).filter(|row| row.step == step.name);
        let mut keys: Vec<&str> = of_step.map(|row| row.key.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        if let Some(key) = key {
            keys.retain(|known| *known == key);
        }
        match keys[..] {
            [key] => Ok(Self { part, saga, step, key, rows }),
            [] if key.is_some() => Err(not_done(step.name, "it has not run for this key")),
            [] => Err(not_done(step.name, "it has not run")),
            _ => Err(refused(format!(
                "{} has run for several keys: choose one with --key: {}",
                step.name,
                keys.join(", ")
            ))),
        }
    }

    pub(crate) const fn key(&self) -> &'a str {
        self.key
    }

    pub(crate) const fn saga(&self) -> &'a str {
        self.saga.saga
    }

    pub(crate) fn name(&self) -> String {
        name(self.step.name, self.key)
    }

    fn find(&self, entry: Entry) -> Option<&'a RowWithBody> {
        let is = |one: &&RowWithBody| one.line().at == self.at() && one.row.entry == entry;
        self.rows.iter().find(is)
    }

    pub(crate) const fn at(&self) -> StepKey<'a> {
        StepKey { step: self.step.name, key: self.key }
    }

    pub(crate) fn compensated_at(&self) -> Option<Timestamp> {
        self.find(Entry::Compensated).map(|one| one.row.recorded_at)
    }

    fn abort(&self) -> Option<&'a RowWithBody> {
        self.rows.iter().find(|one| aborts(self.part, &one.row, self.saga))
    }

    pub(crate) fn cause(&self) -> Option<Uuid> {
        let of_key = self.find(Entry::Aborted);
        of_key.or_else(|| self.abort()).and_then(|one| one.cause)
    }

    /// Returns the kind of the due compensation, with the outcome that it compensates.
    pub(crate) fn undo(&self) -> Result<(UndoKind, &'a RowWithBody), SolveError> {
        let not_done = |why: &str| not_done(&self.name(), why);
        let state = state(self.rows, self.at());
        match state {
            Some(Entry::Calling) => {
                return Err(not_done(
                    "the answer to its call is not known; who knows it says so with --answer FILE, or \
                     with --nothing-done",
                ));
            }
            Some(Entry::Refused) => return Err(not_done("it refused")),
            Some(_) => {}
            None => return Err(not_done("it has not run")),
        }
        let Some(done) = self.find(Entry::Done) else {
            return Err(not_done("the ledger has no outcome"));
        };
        let alone = self.find(Entry::Aborted).is_some();
        if self.abort().is_none() && !alone {
            return Err(refused(format!(
                "{} is not to be compensated: {} has received no abort of this saga. Let the saga end, or be \
                 aborted by its owner, {}",
                self.name(),
                self.part.service,
                self.saga.owner
            )));
        }
        if state == Some(Entry::Compensating) {
            return Ok((UndoKind::Calls, done));
        }
        if !alone {
            self.check_order()?;
        }
        Ok((UndoKind::Here, done))
    }

    /// Checks that the step waits for a call's answer. Returns whether its outcome is to be compensated.
    pub(crate) fn calling(&self) -> Result<bool, SolveError> {
        let why = match state(self.rows, self.at()) {
            Some(Entry::Calling) => {
                return Ok(self.abort().is_some() || self.find(Entry::Aborted).is_some());
            }
            Some(Entry::Refused) => "it refused",
            Some(_) => "it is done",
            None => "it has not run",
        };
        Err(not_calling(&self.name(), why))
    }

    fn declared(&self, name: &str) -> StepDeclaration {
        StepDeclaration::of(self.part, self.saga.saga, name)
    }

    /// Checks, as the service would, that no later step has to be compensated first.
    fn check_order(&self) -> Result<(), SolveError> {
        let (row, why) = match left(self.rows, |name| self.declared(name)) {
            RemainingCompensations::Call(row) if row.row.entry == Entry::Calling => {
                (row, "waits for the answer to its call")
            }
            RemainingCompensations::Call(row) => (row, "is being compensated"),
            RemainingCompensations::Steps(steps) => match steps.first() {
                Some(row) if row.line().at != self.at() => {
                    (*row, "took effect later and is not compensated")
                }
                Some(_) | None => return Ok(()),
            },
        };
        let StepKey { step, key } = row.line().at;
        let later = name(step, key);
        Err(refused(format!(
            "{later} comes first: steps are compensated in reverse order, and it {why}"
        )))
    }

    /// Returns the earlier steps that are left to compensate.
    pub(crate) fn earlier(&self) -> Vec<String> {
        if self.abort().is_none() {
            return Vec::new();
        }
        let standing = standing(self.rows, |name| self.declared(name)).map(|row| row.line().at);
        let others = standing.filter(|at| *at != self.at());
        others.map(|StepKey { step, key }| name(step, key)).collect()
    }
}

fn not_done(step: &str, why: &str) -> SolveError {
    refused(format!(
        "{step} has not taken effect in this saga, so there is nothing to compensate: {why}"
    ))
}

fn name(step: &str, key: &str) -> String {
    if key.is_empty() { step.to_owned() } else { format!("{step} {key}") }
}

#[cfg(test)]
mod tests {
    use ballet_core::{EventType, StepKind};
    use ballet_store::ledger::recorded_rows::RecordedRow;

    use super::*;

    fn step(name: &'static str, done: EventType) -> StepPart {
        StepPart::new(name, StepKind::Compensatable, Vec::new(), done)
    }

    fn saga(saga: &'static str, step: StepPart) -> SagaPart {
        SagaPart::new(saga, "orders", vec![step])
    }

    #[test]
    fn t153_what_another_version_did_later_is_compensated_first() {
        let reserved = EventType::in_saga("stock.reserved.v1");
        let delivered = EventType::in_saga("stock.delivered.v1");
        let sagas = vec![
            saga("order", step("reserve", reserved)),
            saga("delivery", step("deliver", delivered)),
        ];
        let part = Part { service: "stock", sagas, ..Part::default() };
        let row = |(step, key, entry, ordinal): (&str, &str, Entry, i32)| RowWithBody {
            row: RecordedRow {
                step: step.to_owned(),
                key: key.to_owned(),
                entry,
                arrived: String::new(),
                ordinal,
                event_type: None,
                recorded_at: Timestamp::UNIX_EPOCH,
            },
            body: None,
            cause: None,
        };
        let undo = |later| {
            let rows = [("reserve", "", Entry::Done, 0), (later, "", Entry::Done, 1)];
            let rows = rows.into_iter().chain([("", "order", Entry::Aborted, 2)]).map(row);
            let (rows, saga): (Vec<_>, _) = (rows.collect(), &part.sagas[0]);
            let standing = LedgerStep::new(&part, saga, &saga.steps[0], Uuid::nil(), &rows, None);
            standing.expect("it stands").undo().map(drop)
        };
        assert!(undo("deliver").is_ok(), "that is of another saga");
        let unknown = undo("paint").expect_err("the service itself stops there");
        assert!(unknown.to_string().starts_with("paint comes first"), "{unknown}");
    }
}
