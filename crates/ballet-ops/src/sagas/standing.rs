//! How a step stands in the ledger of its service: whether its compensation is wanted, and is the next one.
//! There is no I/O here.

use ballet_core::{Part, SagaPart, StepKind, StepPart};
use jiff::Timestamp;
use uuid::Uuid;

use crate::audit::ledger::aborts;
use crate::sagas::read::Recorded;
use crate::sagas::refused::NotSolved;

/// The entries of a step, in the order in which it passes through them.
const ENTRIES: [&str; 5] = ["calling", "done", "refused", "undoing", "undone"];

/// How a compensation is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undo {
    /// In a transaction of the service.
    Here,
    /// By a call to the outside, which is open.
    Calls,
}

/// One step, with one key, in the ledger of a service.
#[derive(Debug)]
pub(crate) struct Standing<'a> {
    part: &'a Part,
    saga: &'a SagaPart,
    step: &'a StepPart,
    key: &'a str,
    rows: &'a [Recorded],
}

impl<'a> Standing<'a> {
    pub(crate) fn new(
        part: &'a Part,
        saga: &'a SagaPart,
        step: &'a StepPart,
        saga_id: Uuid,
        rows: &'a [Recorded],
        key: Option<&str>,
    ) -> Result<Self, NotSolved> {
        if rows.is_empty() {
            let service = part.service.to_owned();
            return Err(NotSolved::UnknownSaga { service, saga: saga_id });
        }
        let of_step = rows.iter().map(|one| &one.row).filter(|row| row.step == step.name);
        let mut keys: Vec<&str> = of_step.map(|row| row.key.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        if let Some(key) = key {
            keys.retain(|known| *known == key);
        }
        let not_done =
            |why: &str| NotSolved::NotDone { step: step.name.to_owned(), why: why.to_owned() };
        match keys[..] {
            [key] => Ok(Self { part, saga, step, key, rows }),
            [] if key.is_some() => Err(not_done("it has not run for this key")),
            [] => Err(not_done("it has not run")),
            _ => Err(NotSolved::SeveralKeys { step: step.name.to_owned(), keys: keys.join(", ") }),
        }
    }

    pub(crate) const fn key(&self) -> &'a str {
        self.key
    }

    /// The saga's name.
    pub(crate) const fn saga(&self) -> &'a str {
        self.saga.saga
    }

    pub(crate) fn name(&self) -> String {
        name(self.step.name, self.key)
    }

    fn find(&self, step: &str, key: &str, entry: &str) -> Option<&'a Recorded> {
        let is = |one: &&Recorded| {
            (one.row.step.as_str(), one.row.key.as_str(), one.row.entry.as_str())
                == (step, key, entry)
        };
        self.rows.iter().find(is)
    }

    fn state(&self, step: &str, key: &str) -> Option<&'static str> {
        ENTRIES.into_iter().rev().find(|entry| self.find(step, key, entry).is_some())
    }

    pub(crate) fn compensated_at(&self) -> Option<Timestamp> {
        self.find(self.step.name, self.key, "undone").map(|one| one.row.recorded_at)
    }

    /// The row of the abort of the whole saga.
    fn abort(&self) -> Option<&'a Recorded> {
        self.rows.iter().find(|one| aborts(self.part, &one.row, self.saga))
    }

    /// The message that asked for the compensation.
    pub(crate) fn cause(&self) -> Option<Uuid> {
        let of_key = self.find(self.step.name, self.key, "aborted");
        of_key.or_else(|| self.abort()).and_then(|one| one.cause)
    }

    /// The compensation that is wanted and not done, with the outcome that it compensates.
    pub(crate) fn undo(&self) -> Result<(Undo, &'a Recorded), NotSolved> {
        let (step, key) = (self.step.name, self.key);
        let not_done = |why: &str| NotSolved::NotDone { step: self.name(), why: why.to_owned() };
        let state = self.state(step, key);
        match state {
            Some("calling") => return Err(not_done("the answer to its call is not known")),
            Some("refused") => return Err(not_done("it refused")),
            Some(_) => {}
            None => return Err(not_done("it has not run")),
        }
        let Some(done) = self.find(step, key, "done") else {
            return Err(not_done("the ledger has no outcome"));
        };
        let alone = self.find(step, key, "aborted").is_some();
        if self.abort().is_none() && !alone {
            return Err(NotSolved::NotAborted {
                service: self.part.service.to_owned(),
                step: self.name(),
                owner: self.saga.owner.to_owned(),
            });
        }
        if state == Some("undoing") {
            return Ok((Undo::Calls, done));
        }
        if !alone {
            self.check_order(done)?;
        }
        Ok((Undo::Here, done))
    }

    /// The other steps of the saga, each once, with those that only another version knows.
    fn others(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for one in self.rows {
            let at = (one.row.step.as_str(), one.row.key.as_str());
            let is_of_saga = !at.0.is_empty() && self.declared(at.0).is_none_or(|(saga, _)| saga);
            if is_of_saga && at != (self.step.name, self.key) && !seen.contains(&at) {
                seen.push(at);
            }
        }
        seen.into_iter()
    }

    /// Whether a step is of this saga, and not of another one with the same id, and what it is. `None` if this
    /// version of the service knows no such step: then it is of all, and to be compensated.
    fn declared(&self, name: &str) -> Option<(bool, &'a StepPart)> {
        self.part.sagas.iter().find_map(|saga| {
            let step = saga.steps.iter().find(|step| step.name == name)?;
            Some((saga.saga == self.saga.saga, step))
        })
    }

    /// Another step that is to be compensated, too.
    fn waits(&self, (step, key): (&str, &str)) -> bool {
        let can = |kind: StepKind| matches!(kind, StepKind::Compensatable | StepKind::Pivot);
        self.declared(step).is_none_or(|(_, step)| can(step.kind))
            && self.state(step, key) == Some("done")
    }

    /// The order in which the service compensates: the latest step first, and none while a call is out.
    fn check_order(&self, done: &Recorded) -> Result<(), NotSolved> {
        for (step, key) in self.others() {
            let why = match self.state(step, key) {
                Some("calling") => "waits for the answer to its call",
                Some("undoing") => "is being compensated",
                Some("done") if self.waits((step, key)) => {
                    let other = self.find(step, key, "done");
                    if other.is_none_or(|other| other.row.ordinal < done.row.ordinal) {
                        continue;
                    }
                    "took effect later and is not compensated"
                }
                _ => continue,
            };
            return Err(NotSolved::LaterFirst { later: name(step, key), why: why.to_owned() });
        }
        Ok(())
    }

    /// The earlier steps that are left to compensate.
    pub(crate) fn earlier(&self) -> Vec<String> {
        if self.abort().is_none() {
            return Vec::new();
        }
        self.others().filter(|at| self.waits(*at)).map(|(step, key)| name(step, key)).collect()
    }
}

fn name(step: &str, key: &str) -> String {
    if key.is_empty() { step.to_owned() } else { format!("{step} {key}") }
}

#[cfg(test)]
mod tests {
    use ballet_core::EventType;

    use super::*;
    use crate::audit::ledger::Row;

    fn step(name: &'static str, done: EventType) -> StepPart {
        StepPart {
            name,
            kind: StepKind::Compensatable,
            on: Vec::new(),
            done,
            refused: None,
            compensated: None,
            compensated_by: Vec::new(),
            calls_outside: false,
        }
    }

    fn saga(saga: &'static str, step: StepPart) -> SagaPart {
        let (aborts_on, deadline) = (Vec::new(), None);
        SagaPart { saga, owner: "orders", abort: None, aborts_on, deadline, steps: vec![step] }
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
        let row = |(step, key, entry, ordinal): (&str, &str, &str, i32)| Recorded {
            row: Row {
                step: step.to_owned(),
                key: key.to_owned(),
                entry: entry.to_owned(),
                arrived: String::new(),
                ordinal,
                event_type: None,
                recorded_at: Timestamp::UNIX_EPOCH,
            },
            body: None,
            cause: None,
        };
        let undo = |later| {
            let rows = [("reserve", "", "done", 0), (later, "", "done", 1)];
            let rows = rows.into_iter().chain([("", "order", "aborted", 2)]).map(row);
            let (rows, saga): (Vec<_>, _) = (rows.collect(), &part.sagas[0]);
            let standing = Standing::new(&part, saga, &saga.steps[0], Uuid::nil(), &rows, None);
            standing.expect("it stands").undo().map(drop)
        };
        assert!(undo("deliver").is_ok(), "that is of another saga");
        let unknown = undo("paint").expect_err("the service itself stops there");
        assert!(matches!(&unknown, NotSolved::LaterFirst { later, .. } if later == "paint"));
    }
}
