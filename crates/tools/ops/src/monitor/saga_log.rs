//! The entries of one saga, and what they break.

use uuid::Uuid;

use crate::monitor::property::Property;
use crate::monitor::services::Services;
use crate::monitor::types::{Facts, Kind, Types, Undoes};

/// An event of a saga. Times are in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    pub(super) kind: Kind,
    pub(super) id: Uuid,
    pub(super) cause: Option<Uuid>,
    pub(super) at: i64,
    pub(super) offset: u64,
}

#[derive(Debug)]
pub(super) struct SagaLog {
    pub(super) entries: Vec<Kept>,
    /// Whether it was seen from its first event on.
    pub(super) is_whole: bool,
    /// The time of the first entry.
    pub(super) began: i64,
    /// The monitor's time at the last entry.
    pub(super) last: i64,
    /// The services with a dead letter of it, of which a person has been told.
    pub(super) excused: Vec<usize>,
    /// Each property is named once.
    pub(super) named: Vec<Property>,
}

/// What is broken, and with which entry.
pub(super) type Broken = (Property, Kept, String);

/// The state of what has to be absent or present after a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quiet {
    Judged,
    /// The service may not have come so far.
    Later,
}

impl SagaLog {
    pub(super) fn new(is_whole: bool, began: i64) -> Self {
        let (entries, excused, named) = (Vec::new(), Vec::new(), Vec::new());
        Self { entries, is_whole, began, last: began, excused, named }
    }

    pub(super) fn of_id(&self, id: Uuid) -> Option<&Kept> {
        self.entries.iter().find(|kept| kept.id == id)
    }

    pub(super) fn has_ended(&self, types: &Types) -> bool {
        let ends = |facts: &Facts| facts.is_abort || facts.is_decision;
        self.entries.iter().any(|kept| types.facts(kept.kind).is_some_and(ends))
    }

    /// Judges the entry that comes next.
    pub(super) fn broken_by(&self, types: &Types, new: &Kept) -> Option<Broken> {
        let facts = types.facts(new.kind)?;
        let broken = |property, says| Some((property, *new, says));
        let before = |is: &dyn Fn(&Kept, &Facts) -> bool| {
            let of_saga = |kept: &&Kept| {
                types.facts(kept.kind).is_some_and(|of| of.saga == facts.saga && is(kept, of))
            };
            self.entries.iter().find(of_saga)
        };
        if facts.is_decision || facts.is_abort {
            let same = |_: &Kept, of: &Facts| match facts.is_abort {
                true => of.is_abort,
                false => of.is_decision,
            };
            if let Some(other) = before(&same) {
                let says = format!("the owner decides again, after {}", place(types, other));
                return broken(Property::OneDecision, says);
            }
            if let Some(other) = before(&|_, of| of.is_abort || of.is_decision) {
                let says = format!("the saga has two ends: the other is {}", place(types, other));
                return broken(Property::OneEnd, says);
            }
            return None;
        }
        if !facts.is_outcome || new.cause.is_none() {
            return None;
        }
        let is_same = |kept: &Kept, _: &Facts| kept.kind == new.kind && kept.cause == new.cause;
        if facts.steps == 1
            && let Some(other) = before(&is_same)
        {
            let says = format!("one message caused it and {}", place(types, other));
            return broken(Property::OneOutcome, says);
        }
        let abort = before(&|_, of| of.is_abort)?;
        let service = facts.event.service();
        // Its own tombstone: the abort that it published, or its compensation because of the abort.
        let tombstone = if facts.by_owner {
            abort
        } else {
            before(&|kept, of| {
                of.is_undo && of.event.service() == service && kept.cause == Some(abort.id)
            })?
        };
        // Then the service had the abort before its trigger was published.
        let cause = self.of_id(new.cause?)?;
        let is_later = |one: &Kept| one.at > tombstone.at && one.offset > tombstone.offset;
        if !is_later(cause) || !is_later(new) {
            return None;
        }
        let says = format!(
            "a step takes effect after its service had the abort, which {} shows",
            place(types, tombstone)
        );
        broken(Property::AfterAbort, says)
    }

    /// Judges what is absent, once nothing has come for a while: what has not been named.
    pub(super) fn broken_by_absence(
        &self,
        types: &Types,
        services: &Services,
        patience: i64,
    ) -> (Vec<Broken>, Quiet) {
        let (mut broken, mut quiet) = (Vec::new(), Quiet::Judged);
        if !self.is_whole {
            return (broken, quiet);
        }
        let is_named = |property| self.named.contains(&property);
        for undoes in &types.undoes {
            let undone = self.count(&[undoes.undo]);
            let done = self.count(&undoes.done);
            let service = types.service_of(undoes.undo);
            if services.may_repeat(service, self.began) {
                continue;
            }
            if !is_named(Property::CompensatedOnce)
                && undone > self.most(undoes, done)
                && let Some(last) = self.last_of(&[undoes.undo])
            {
                let says = match done {
                    0 => "it compensates what the journal does not have".to_owned(),
                    _ => format!("it was compensated {undone} times, and took effect {done} times"),
                };
                broken.push((Property::CompensatedOnce, last, says));
            }
            let Some(abort) = self.abort_of(types, undoes.undo) else { continue };
            let Some(service) = service.filter(|service| !self.excused.contains(service)) else {
                continue;
            };
            if done <= undone || !undoes.is_exclusive || is_named(Property::Compensated) {
                continue;
            }
            if !services.has_come_to(service, abort.at.saturating_add(patience)) {
                quiet = Quiet::Later;
            } else if let Some(last) = self.last_of(&undoes.done) {
                let says = format!(
                    "{} aborts the saga, and no {} came, though its service has handled later messages",
                    place(types, abort),
                    types.name(undoes.undo)
                );
                broken.push((Property::Compensated, last, says));
            }
        }
        (broken, quiet)
    }

    fn abort_of(&self, types: &Types, undo: Kind) -> Option<&Kept> {
        let saga = types.facts(undo)?.saga;
        let aborts = |facts: &Facts| facts.is_abort && facts.saga == saga;
        self.entries.iter().find(|kept| types.facts(kept.kind).is_some_and(aborts))
    }

    fn count(&self, kinds: &[Kind]) -> usize {
        self.entries.iter().filter(|kept| kinds.contains(&kept.kind)).count()
    }

    fn last_of(&self, kinds: &[Kind]) -> Option<Kept> {
        self.entries.iter().rfind(|kept| kinds.contains(&kept.kind)).copied()
    }

    /// The maximum number of times for which it can have taken effect.
    fn most(&self, undoes: &Undoes, done: usize) -> usize {
        let Some(steps) = &undoes.triggers else { return done };
        let runs = |triggers: &Vec<Kind>| {
            triggers.iter().map(|kind| self.count(&[*kind])).min().unwrap_or(usize::MAX)
        };
        steps.iter().map(runs).fold(0, usize::saturating_add)
    }
}

/// An entry in a sentence.
fn place(types: &Types, kept: &Kept) -> String {
    format!("{} (entry {})", types.name(kept.kind), kept.offset)
}
