//! Notes on sagas: the time that they have.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use crate::events::event::EventType;
use crate::parts::node::{Node, nodes, parts_of, sagas, upstream};
use crate::parts::part::{DeadlinePart, StepKind, System};
use crate::rules::catalogue;
use crate::rules::problem::Problem;
use crate::topology::names::RETRIES;

pub(super) fn check(system: &System, notes: &mut Vec<Problem>) {
    for saga in sagas(system) {
        let nodes = nodes(system, saga);
        let mut parts = parts_of(system, saga);
        let Some((owner, owned)) = parts.find(|(service, part)| part.owner == *service) else {
            continue;
        };
        let note = |rule, detail| {
            let (service, of) = (owner.to_owned(), saga.to_owned());
            Problem { rule, service, of, detail }
        };
        let is_decided = nodes.iter().any(|node| node.step.kind == StepKind::Decision);
        match owned.deadline {
            // A saga with neither is an error.
            None if owned.abort.is_some() && is_decided => {
                let detail = format!(
                    "{owner} owns {saga} without a deadline: one in which an event is lost stays open for ever; add \
                     `deadline(..)` to `#[owns(..)]`"
                );
                notes.push(note(&catalogue::NO_DEADLINE, detail));
            }
            None => {}
            Some(deadline) => {
                let late = late_way(&nodes, deadline).into_iter().chain(too_long(&nodes, deadline));
                notes.extend(late.map(|detail| note(&catalogue::DEADLINE_BUDGET, detail)));
            }
        }
    }
}

/// Says which steps use up the deadline if each of them fails once, if any do.
fn late_way(nodes: &[Node<'_>], deadline: DeadlinePart) -> Option<String> {
    let all = 0..nodes.len();
    // A step that is its own cause has been reported.
    if all.clone().any(|at| upstream(nodes, at).contains(&at)) {
        return None;
    }
    let causes = |at: usize| {
        all.clone().filter(move |cause| nodes[at].step.on.contains(&nodes[*cause].step.done))
    };
    // The time up to the end of each step, and the cause that takes longest.
    let mut until: Vec<(SignedDuration, Option<usize>)> =
        vec![(SignedDuration::ZERO, None); nodes.len()];
    for _ in all.clone() {
        for at in all.clone() {
            let cause = causes(at).max_by_key(|cause| until[*cause].0);
            let before = cause.map_or(SignedDuration::ZERO, |cause| until[cause].0);
            until[at] = (before.saturating_add(first_delay(&nodes[at])), cause);
        }
    }
    let last = until_decided(nodes).into_iter().max_by_key(|at| until[*at].0)?;
    let (time, after) = (until[last].0, deadline.after);
    if time <= after {
        return None;
    }
    let mut way = vec![last];
    while let Some(cause) = way.last().and_then(|at| until[*at].1) {
        way.push(cause);
    }
    let steps = way.iter().rev().map(|at| &nodes[*at]);
    let steps = steps.filter(|node| node.step.kind != StepKind::Origin);
    let names: Vec<String> =
        steps.map(|node| format!("{}.{}", node.service, node.step.name)).collect();
    Some(format!(
        "the first retries of {} take {time:#}, and the deadline is {after:#} after the start: if each of them fails \
         once, the saga is aborted",
        names.join(", ")
    ))
}

/// Says which steps declare retries that go on after the deadline.
fn too_long(nodes: &[Node<'_>], deadline: DeadlinePart) -> impl Iterator<Item = String> {
    let timed = until_decided(nodes).into_iter().map(move |at| &nodes[at]);
    let declared = timed.filter_map(|node| Some((node, node.step.retried_for?)));
    declared.filter(move |(_, time)| *time > deadline.after).map(move |(node, time)| {
        format!(
            "{}.{} is tried again for {time:#}, and the saga is aborted {:#} after its start",
            node.service, node.step.name, deadline.after
        )
    })
}

/// The decisions, and the steps that may come before one. Where a decision waits for what a service publishes beside
/// its steps, these are all that can be undone.
fn until_decided(nodes: &[Node<'_>]) -> BTreeSet<usize> {
    let decisions = || (0..nodes.len()).filter(|at| nodes[*at].step.kind == StepKind::Decision);
    let mut found: BTreeSet<usize> = decisions().flat_map(|at| upstream(nodes, at)).collect();
    found.extend(decisions());
    let is_made = |event: &EventType| nodes.iter().any(|node| node.publishes(event));
    let is_from_beside = |at: &usize| {
        let step = nodes[*at].step;
        step.kind != StepKind::Origin && !step.on.iter().all(is_made)
    };
    if found.iter().any(is_from_beside) {
        let undone = (0..nodes.len()).filter(|at| nodes[*at].step.kind.can_be_compensated());
        found.extend(undone.filter(|at| upstream(nodes, *at).is_disjoint(&decisions().collect())));
    }
    found
}

/// The time before a failed step is tried again. A request that begins a saga is not.
fn first_delay(node: &Node<'_>) -> SignedDuration {
    if node.step.kind == StepKind::Origin {
        return SignedDuration::ZERO;
    }
    let [(_, shortest), ..] = RETRIES;
    let shortest = SignedDuration::from_millis(i64::from(shortest));
    node.step.retried_for.map_or(shortest, |all| all.min(shortest))
}
