//! The rules for the path of a saga: what may come before, beside and after its decision.

use std::collections::BTreeSet;

use crate::events::event::EventType;
use crate::parts::node::{self, Node, nodes, parts_of, sagas, upstream};
use crate::parts::part::{Part, StepKind, System};
use crate::rules::catalogue;
use crate::rules::problem::Problem;

/// The rules that no further step could repair.
pub(super) fn check(system: &System, problems: &mut Vec<Problem>) {
    for saga in sagas(system) {
        let nodes = nodes(system, saga);
        let pivots: Vec<&str> = pivots(&nodes).map(|at| nodes[at].step.name).collect();
        if pivots.len() > 1 {
            problems.push(Problem {
                rule: &catalogue::ONE_PIVOT,
                service: node::owner(system, saga).to_owned(),
                of: saga.to_owned(),
                detail: format!(
                    "{saga} has {}: declare all but the last with `#[compensatable]`",
                    pivots.join(", ")
                ),
            });
        }
        check_origins(saga, &nodes, problems);
        for (at, node) in nodes.iter().enumerate() {
            if upstream(&nodes, at).contains(&at) {
                problems.push(Problem {
                    rule: &catalogue::CIRCLE,
                    service: node.service.to_owned(),
                    of: node.step.name.to_owned(),
                    detail: format!(
                        "{}.{} is its own cause: let it wait for an event that comes earlier",
                        node.service, node.step.name
                    ),
                });
            }
        }
    }
}

/// Checks that one event begins a saga, since each of several would begin it, and the second
/// beginning is a dead letter.
fn check_origins(saga: &str, nodes: &[Node<'_>], problems: &mut Vec<Problem>) {
    let origins: Vec<&Node<'_>> =
        nodes.iter().filter(|node| node.step.kind == StepKind::Origin).collect();
    for (at, node) in origins.iter().enumerate() {
        for other in &origins[..at] {
            let both = node.step.on.iter().find(|event| other.step.on.contains(event));
            let Some(event) = both else { continue };
            problems.push(Problem {
                rule: &catalogue::ONE_ORIGIN,
                service: node.service.to_owned(),
                of: node.step.name.to_owned(),
                detail: format!(
                    "{}.{} and {}.{} both begin {saga} on {event}, and it would begin twice: remove one, or \
                     declare each for versions of its own",
                    other.service, other.step.name, node.service, node.step.name
                ),
            });
        }
    }
}

/// The rules for the order of all services' steps.
pub(super) fn check_order(system: &System, problems: &mut Vec<Problem>) {
    for saga in sagas(system) {
        let nodes = nodes(system, saga);
        let before: Vec<BTreeSet<usize>> =
            (0..nodes.len()).map(|at| upstream(&nodes, at)).collect();
        check_aborting(system, saga, &nodes, &before, problems);
        for (at, node) in nodes.iter().enumerate() {
            check_retriable(&nodes, at, problems);
            if node.step.refused.is_some() && node.step.kind != StepKind::Origin {
                check_refusable(&nodes, at, &before, problems);
            }
        }
    }
}

/// Until the owner has recorded the decision, the saga may be aborted. A step that ran before, and
/// cannot be undone, would stay done in an aborted saga. The pivot's own event is too early, since
/// an abort may be committed first.
fn check_retriable(nodes: &[Node<'_>], at: usize, problems: &mut Vec<Problem>) {
    let Node { service, saga, step } = nodes[at];
    let is_decision = |node: &&Node<'_>| node.step.kind == StepKind::Decision;
    if step.kind != StepKind::Retriable || saga.abort.is_none() || is_decided(nodes, at) {
        return;
    }
    let decided = nodes.iter().find(is_decision).map_or_else(
        || format!(", once the owner of {} has one", saga.saga),
        |decision| format!(", such as {}", decision.step.done),
    );
    let on: Vec<&str> = step.on.iter().map(|event| event.name()).collect();
    problems.push(Problem {
        rule: &catalogue::DECIDED_FIRST,
        service: service.to_owned(),
        of: step.name.to_owned(),
        detail: format!(
            "{service}.{} is retriable and runs on {}, while {} may still be aborted; it would stay \
             done. Write its compensation and declare it with `#[compensatable(undo = ..)]`, or let it \
             wait for an event after the decision{decided}",
            step.name,
            on.join(" and "),
            saga.saga
        ),
    });
}

fn check_refusable(
    nodes: &[Node<'_>],
    at: usize,
    before: &[BTreeSet<usize>],
    problems: &mut Vec<Problem>,
) {
    let Node { service, step, .. } = nodes[at];
    let pivots: Vec<usize> = pivots(nodes).collect();
    if let [pivot] = pivots[..]
        && at != pivot
        && !before[pivot].contains(&at)
    {
        problems.push(Problem {
            rule: &catalogue::REFUSAL_PIVOT,
            service: service.to_owned(),
            of: step.name.to_owned(),
            detail: format!(
                "{service}.{} may refuse, but does not come before {}: let the pivot wait for {}, or \
                 return `Does<EVENT>` from it, which cannot refuse",
                step.name, nodes[pivot].step.name, step.done
            ),
        });
    }
}

/// Checks that no refusal can come after the decision. It would be dropped, and the refusing
/// service's work would be missing in a saga that ended well. A refusal beside or after a pivot
/// breaks the pivot's rule.
fn check_aborting(
    system: &System,
    saga: &str,
    nodes: &[Node<'_>],
    before: &[BTreeSet<usize>],
    problems: &mut Vec<Problem>,
) {
    let pivots: Vec<usize> = pivots(nodes).collect();
    // The owner's own refusal is the abort itself.
    let aborts_on: BTreeSet<EventType> = parts_of(system, saga)
        .flat_map(|(_, part)| part.aborts_on.iter().chain(&part.abort).copied())
        .collect();
    for (at, Node { service, step, .. }) in nodes.iter().enumerate() {
        let Some(refused) = step.refused.filter(|event| aborts_on.contains(event)) else {
            continue;
        };
        let is_judged = pivots.is_empty()
            || pivots.iter().any(|pivot| *pivot == at || before[*pivot].contains(&at));
        if step.kind == StepKind::Origin || !is_judged {
            continue;
        }
        let is_too_late = |decision: &usize| {
            nodes[*decision].step.kind == StepKind::Decision
                && *decision != at
                && !before[*decision].contains(&at)
                && !is_vouched_for(system, nodes, before, (*decision, at))
        };
        for decision in (0..nodes.len()).filter(is_too_late) {
            let decision = nodes[decision].step.name;
            problems.push(Problem {
                rule: &catalogue::REFUSAL_DECISION,
                service: (*service).to_owned(),
                of: step.name.to_owned(),
                detail: format!(
                    "{service}.{} may refuse with {refused}, but does not come before {decision}, and after \
                     that nothing is aborted: let {decision} wait for {}, or return `Does<EVENT>` \
                     from it, which cannot refuse",
                    step.name, step.done
                ),
            });
        }
    }
}

/// Whether the saga is decided whenever a step runs, because every publisher of one of its triggers
/// decides, or runs after that.
fn is_decided(nodes: &[Node<'_>], at: usize) -> bool {
    let mut decided: BTreeSet<usize> = BTreeSet::new();
    let is_late = |decided: &BTreeSet<usize>, event: &EventType| {
        let mut publishers = nodes.iter().enumerate().filter(|(_, node)| node.publishes(event));
        let decides =
            |node: &Node<'_>| node.step.kind == StepKind::Decision && node.step.done == *event;
        publishers.clone().next().is_some()
            && publishers.all(|(by, node)| decides(node) || decided.contains(&by))
    };
    // Each round finds those that are one step further behind.
    loop {
        let found: BTreeSet<usize> = (0..nodes.len())
            .filter(|at| nodes[*at].step.on.iter().any(|event| is_late(&decided, event)))
            .collect();
        if found == decided {
            return decided.contains(&at);
        }
        decided = found;
    }
}

/// Whether a decision waits for an event that a service publishes beside its steps, and that
/// service runs the step or hears of it. Somebody outside of the system knows nothing of the step.
fn is_vouched_for(
    system: &System,
    nodes: &[Node<'_>],
    before: &[BTreeSet<usize>],
    (decision, step): (usize, usize),
) -> bool {
    let hears = |part: &&Part| {
        let of_part = |at: &usize| nodes[*at].service == part.service;
        (0..nodes.len()).filter(of_part).any(|at| at == step || before[at].contains(&step))
            || part.subscriptions.iter().any(|one| one.on == nodes[step].step.done)
    };
    let mut on = before[decision].iter().chain([&decision]).flat_map(|at| &nodes[*at].step.on);
    on.any(|event| {
        event.foreign_producers().is_empty()
            && !nodes.iter().any(|node| node.publishes(event))
            && system.parts.iter().filter(hears).any(|part| part.publishes.contains(event))
    })
}

fn pivots(nodes: &[Node<'_>]) -> impl Iterator<Item = usize> {
    (0..nodes.len()).filter(|at| nodes[*at].step.kind == StepKind::Pivot)
}
