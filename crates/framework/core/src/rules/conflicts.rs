//! The rule for what aborts a saga: nobody goes on with it.

use crate::events::event::EventType;
use crate::parts::node::{Node, nodes, parts_of, sagas, upstream};
use crate::parts::part::{StepKind, System};
use crate::rules::catalogue;
use crate::rules::problem::Problem;

pub(super) fn check(system: &System, problems: &mut Vec<Problem>) {
    for saga in sagas(system) {
        let nodes = nodes(system, saga);
        for (owner, owned) in parts_of(system, saga).filter(|(service, it)| it.owner == *service) {
            for event in &owned.aborts_on {
                let goes_on = nodes.iter().filter(|node| node.step.on.contains(event));
                problems.extend(goes_on.map(|node| {
                    problem(
                        node,
                        format!(
                            "{}.{} goes on with {event}, on which {owner} aborts {saga}: react to it with \
                             `#[projects]`, or take it out of `aborts_on(..)`",
                            node.service, node.step.name
                        ),
                    )
                }));
                problems.extend(races(&nodes, *event, owner));
            }
        }
    }
}

/// Finds the steps whose outcome, not their refusal, aborts, while another step's answer to the same trigger decides.
fn races(nodes: &[Node<'_>], event: EventType, owner: &str) -> Vec<Problem> {
    let mut found = Vec::new();
    let is_decision = |at: &usize| nodes[*at].step.kind == StepKind::Decision;
    for (at, answer) in nodes.iter().enumerate().filter(|(_, node)| node.step.done == event) {
        for decision in (0..nodes.len()).filter(is_decision) {
            let mut way = upstream(nodes, decision);
            way.insert(decision);
            let other = way.iter().map(|other| &nodes[*other]).find_map(|other| {
                let both = other.step.on.iter().find(|on| answer.step.on.contains(on))?;
                Some((other, both))
            });
            let (false, Some((other, both))) = (way.contains(&at), other) else { continue };
            let detail = format!(
                "{}.{} answers {both} with {event}, on which {owner} aborts; {}.{} answers it too, and leads to {}: \
                 let the second wait for the outcome of the first, and make {event} its refusal",
                answer.service,
                answer.step.name,
                other.service,
                other.step.name,
                nodes[decision].step.name
            );
            found.push(problem(answer, detail));
        }
    }
    found
}

fn problem(node: &Node<'_>, detail: String) -> Problem {
    let (service, of) = (node.service.to_owned(), node.step.name.to_owned());
    Problem { rule: &catalogue::CONFLICT, service, of, detail }
}
