//! The sagas of a system: who reacts to what, and what is taken back.

use std::fmt::Write;

use ballet_core::graph::Node;
use ballet_core::{Graph, StepKind};

use crate::markdown::{code, codes, table};
use crate::mermaid;
use crate::roles::in_order;

/// The page of all sagas of a system. `made_by` is the command that makes it.
#[must_use]
pub fn page(graph: &Graph, made_by: &str) -> String {
    let system = graph.system().name;
    let mut page = format!(
        "# Choreography of the {system}\n\n\
         Made from the code by `{made_by}`; do not edit. The events are described in \
         [events.md](events.md).\n"
    );
    for saga in graph.sagas() {
        section(&mut page, graph, saga);
    }
    let follows: Vec<[String; 3]> = graph
        .system()
        .parts
        .iter()
        .flat_map(|part| part.subscriptions.iter().map(|one| (part.service, one)))
        .map(|(service, one)| [code(service), code(one.name), code(one.on)])
        .collect();
    if !follows.is_empty() {
        page += "\n## Outside of sagas\n\n";
        page += &table(["service", "copy", "follows"], &follows);
    }
    page
}

fn section(page: &mut String, graph: &Graph, saga: &str) {
    let nodes = in_order(graph, saga);
    let Some(any) = nodes.first() else { return };
    // Writing to a string cannot fail.
    write!(
        page,
        "\n## Saga `{saga}`\n\n`{}` owns it: its row decides how a run ends.",
        any.saga.owner
    )
    .ok();
    if let Some(abort) = any.saga.abort {
        write!(page, " On `{abort}` every service undoes its own part.").ok();
    }
    if let Some(pivot) = nodes.iter().find(|node| node.step.kind == StepKind::Pivot) {
        write!(
            page,
            " `{}` is the pivot: once the owner has recorded `{}`, the run goes forward only.",
            pivot.step.name, pivot.step.done
        )
        .ok();
    }
    if let Some(deadline) = nodes.iter().find_map(|node| node.saga.deadline) {
        write!(
            page,
            " A run that is not decided {:#} after its beginning, unless the service is set \
             otherwise, is aborted: the owner tells itself so with `{}`.",
            deadline.after, deadline.passed
        )
        .ok();
    }
    write!(
        page,
        "\n\n```mermaid\n{}```\n\nDotted lines are refusals and the way back. A double frame is \
         the pivot, a hexagon a decision of the owner, a rounded box a step that cannot refuse.\n\n",
        mermaid::flowchart(graph, saga)
    )
    .ok();
    let rows: Vec<_> = nodes.iter().map(row).collect();
    let heads = ["service", "step", "kind", "trigger", "done", "refused", "undone"];
    page.push_str(&table(heads, &rows));
}

fn row(node: &Node<'_>) -> [String; 7] {
    let step = node.step;
    let kind = step.kind.as_str();
    let trigger = if step.on.is_empty() {
        "a request over HTTP".to_owned()
    } else {
        step.on.iter().map(code).collect::<Vec<_>>().join(" and ")
    };
    [
        code(node.service),
        code(step.name),
        if step.calls_outside { format!("{kind}, calls outside") } else { kind.to_owned() },
        trigger,
        code(step.done),
        codes(step.refused),
        codes(step.compensated),
    ]
}

#[cfg(test)]
#[path = "choreography_tests.rs"]
mod tests;
