//! Sagas that begin under another version, which all running services have to know.

use std::collections::BTreeSet;

use ballet_core::graph::Node;
use ballet_core::{EventType, Graph, StepPart};

use crate::contracts::Contracts;
use crate::diff::change::ContractChange;

pub(super) fn changes(old: &Contracts, new: &Contracts) -> Vec<ContractChange> {
    let mut found = Vec::new();
    let [before, after] = [old, new].map(|contracts| Graph::new(contracts.system().clone()));
    for part in &new.system().parts {
        for saga in part.sagas.iter().filter(|saga| saga.owner == part.service) {
            let version = saga.begins;
            if before.begun_version(saga.saga) == version {
                continue;
            }
            let old_owner = old.system().parts.iter().find(|old| old.service == part.service);
            let aborted_on: BTreeSet<EventType> = old_owner
                .into_iter()
                .flat_map(|part| &part.sagas)
                .filter(|known| known.saga == saga.saga)
                .flat_map(|known| known.aborts_on.iter().copied())
                .collect();
            // Nobody has to know the version of a new saga.
            if old_owner.is_none_or(|part| !part.sagas.iter().any(|known| known.saga == saga.saga))
            {
                continue;
            }
            let (known, then) =
                (before.in_version(saga.saga, version), after.in_version(saga.saga, version));
            let known = known.nodes(saga.saga);
            let is_new = |node: &&Node<'_>| {
                !known.iter().any(|one| one.service == node.service && is_same(one.step, node.step))
            };
            let nodes = then.nodes(saga.saga);
            let mut missing: Vec<String> = nodes
                .iter()
                .filter(is_new)
                .map(|node| format!("{}.{}", node.service, node.step.name))
                .collect();
            let refusals = nodes.iter().filter_map(|node| node.step.refused);
            let unheard = refusals
                .filter(|event| saga.aborts_on.contains(event) && !aborted_on.contains(event));
            missing
                .extend(unheard.map(|event| format!("the abort by {} on {event}", part.service)));
            if missing.is_empty() {
                continue;
            }
            let what = format!(
                "sagas begin under version {version}, and the release that runs does not know {}",
                missing.join(", ")
            );
            let advice = format!(
                "release the steps of version {version} first, without `.begins({version})`, in all \
                 services and in any order; then let sagas begin under it, in a change of its own"
            );
            let change = ContractChange::new(saga.saga, "version", part.service, what);
            found.push(change.breaking(vec![format!("sagas of version {version}")], advice));
        }
    }
    found
}

fn is_same(one: &StepPart, other: &StepPart) -> bool {
    let StepPart { name, kind, on, done, refused, .. } = one;
    (*name, *kind, on, *done, *refused)
        == (other.name, other.kind, &other.on, other.done, other.refused)
}
