//! The rule for what aborts a saga: nobody goes on with it.

use crate::parts::node::{Node, nodes, parts_of, sagas};
use crate::parts::part::System;
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
            }
        }
    }
}

fn problem(node: &Node<'_>, detail: String) -> Problem {
    let (service, of) = (node.service.to_owned(), node.step.name.to_owned());
    Problem { rule: &catalogue::CONFLICT, service, of, detail }
}
