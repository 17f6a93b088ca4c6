//! The changes between two versions of a system's contracts, and the services that they break.
//!
//! One rule decides: while a release rolls out, and while older messages wait, every old service may meet every new
//! one. So a publisher's bodies must fit its readers in all four pairs of old and new. An earlier mismatch is not a
//! change.

mod bodies;
mod change;
mod compatible;
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

pub use change::{ChangeRule, ContractChange};

/// Rules of a sound choreography with texts of their own here.
static WORDED_HERE: [&Rule; 5] = [
    &catalogue::EMITTER,
    &catalogue::EVENT_AGREEMENT,
    &catalogue::TELEMETRY_PUBLISHED,
    &catalogue::TELEMETRY_STREAMS,
    &catalogue::PACK_TAKEN,
];

/// The changes between two versions of a system's contracts.
#[derive(Debug, Default)]
pub struct Diff {
    /// The changes that break a service.
    pub breaking: Vec<ContractChange>,
    /// The changes that break nobody.
    pub compatible: Vec<ContractChange>,
}

impl Diff {
    /// Compares two versions of a whole system.
    #[must_use]
    pub fn of_systems(old: &Contracts, new: &Contracts) -> Self {
        let mut breaking = Self::breaking(old, new, false);
        let before = rules::of_system(old.system());
        let problems = rules::of_system(new.system()).into_iter();
        // Otherwise a second version would repeat an old fault.
        let was = |problem: &Problem| {
            let same = |one: &&Problem| {
                one.rule == problem.rule && problem.detail.ends_with(one.detail.as_str())
            };
            before.iter().any(|one| same(&one))
        };
        let fresh =
            problems.filter(|problem| !WORDED_HERE.contains(&problem.rule) && !was(problem));
        breaking.extend(fresh.map(|Problem { rule, detail, .. }| {
            let of = new.system().name;
            let change = ContractChange::new(rule.says, ChangeRule::Choreography, of, detail);
            change.breaking(vec!["the choreography".to_owned()], "")
        }));
        Self::listed(old, new, breaking)
    }

    /// Compares two versions of one service's contract. Unknown services may read all that it wrote, and write all that
    /// it read.
    #[must_use]
    pub fn of_services(old: &Contracts, new: &Contracts) -> Self {
        Self::listed(old, new, Self::breaking(old, new, true))
    }

    fn breaking(old: &Contracts, new: &Contracts, alone: bool) -> Vec<ContractChange> {
        let (before, after) = (Promises::of(old), Promises::of(new));
        let mut found = bodies::changes(&before, &after, alone);
        found.extend(events::changes(&before, &after, alone));
        found.extend(packs::changes(&before, &after, alone));
        found.extend(telemetry::changes(&before, &after, alone));
        found.extend(sagas::changes(old, new, alone));
        found.extend(versions::changes(old, new));
        together(found)
    }

    fn listed(old: &Contracts, new: &Contracts, breaking: Vec<ContractChange>) -> Self {
        let mut compatible = compatible::changes(&Promises::of(old), &Promises::of(new));
        compatible.retain(|change| !breaking.iter().any(|other| other.says(change)));
        compatible.sort();
        compatible.dedup();
        Self { breaking, compatible }
    }
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
