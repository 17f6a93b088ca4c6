//! The changes between two versions of a system's contracts that break a service.
//!
//! One rule decides: while a release rolls out, and while older messages wait, every old service may meet every new
//! one. So a publisher's bodies must fit its readers in all four pairs of old and new. An earlier mismatch is not a
//! change.

mod bodies;
mod change;
mod events;
mod packs;
mod promise;
mod sagas;
mod telemetry;
#[cfg(test)]
mod tests;
mod versions;

use ballet_core::rules::catalogue::{self, Rule};
use ballet_core::{Problem, rules};

use crate::contracts::Contracts;
use crate::diff::promise::Promises;

pub use change::ContractChange;

/// Rules of a sound choreography with texts of their own here.
static WORDED_HERE: [&Rule; 5] = [
    &catalogue::EMITTER,
    &catalogue::EVENT_AGREEMENT,
    &catalogue::TELEMETRY_PUBLISHED,
    &catalogue::TELEMETRY_STREAMS,
    &catalogue::PACK_TAKEN,
];

/// Returns the changes between two versions of a system's contracts that break a service.
#[must_use]
pub fn changes(old: &Contracts, new: &Contracts) -> Vec<ContractChange> {
    let (before, after) = (Promises::of(old), Promises::of(new));
    let mut found = bodies::changes(&before, &after);
    found.extend(events::changes(&before, &after));
    found.extend(packs::changes(&before, &after));
    found.extend(telemetry::changes(&before, &after));
    found.extend(sagas::changes(old, new));
    found.extend(versions::changes(old, new));
    let mut found = together(found);
    found.extend(unsound(old, new));
    found
}

/// The rules of a sound choreography that held before.
fn unsound(old: &Contracts, new: &Contracts) -> Vec<ContractChange> {
    let before = rules::of_system(old.system());
    // Otherwise a second version would repeat an old fault.
    let was = |problem: &Problem| {
        let same = |one: &Problem| {
            one.rule == problem.rule && problem.detail.ends_with(one.detail.as_str())
        };
        before.iter().any(same)
    };
    let problems = rules::of_system(new.system()).into_iter();
    let fresh = problems.filter(|problem| !WORDED_HERE.contains(&problem.rule) && !was(problem));
    let change = |Problem { rule, detail, .. }| {
        let of = new.system().name;
        let change = ContractChange::new(rule.says, "choreography", of, detail);
        change.breaking(vec!["the choreography".to_owned()], "")
    };
    fresh.map(change).collect()
}

fn together(mut changes: Vec<ContractChange>) -> Vec<ContractChange> {
    changes.sort();
    let mut joined: Vec<ContractChange> = Vec::new();
    for change in changes {
        let same = |other: &&mut ContractChange| {
            ContractChange { breaks: Vec::new(), ..(*other).clone() }
                == ContractChange { breaks: Vec::new(), ..change.clone() }
        };
        match joined.iter_mut().find(same) {
            None => joined.push(change),
            Some(known) => {
                known.breaks.extend(change.breaks);
                known.breaks.sort();
                known.breaks.dedup();
            }
        }
    }
    joined
}
