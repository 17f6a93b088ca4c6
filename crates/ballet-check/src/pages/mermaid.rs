//! A saga as a Mermaid flowchart, which code hosts and editors render.

use std::collections::BTreeSet;
use std::fmt::Write;

use ballet_core::graph::Node;
use ballet_core::{EventType, Graph, StepKind};

/// The border colours of the services, distinguishable on light and dark pages.
const COLOURS: [&str; 8] =
    ["#3b82f6", "#10b981", "#f59e0b", "#a855f7", "#06b6d4", "#ec4899", "#84cc16", "#f97316"];

/// Returns the flowchart of a saga. Events between steps are solid lines; refusals and compensations are dotted.
#[must_use]
pub fn flowchart(graph: &Graph, saga: &str) -> String {
    let nodes = graph.in_order(saga);
    let mut chart = Chart { text: "flowchart TD\n".to_owned(), nodes: &nodes };
    chart.outside_triggers();
    chart.steps();
    chart.compensations();
    chart.colours();
    chart.text
}

struct Chart<'a> {
    text: String,
    nodes: &'a [Node<'a>],
}

impl Chart<'_> {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        writeln!(self.text, "    {line}").ok();
    }

    /// Draws the events that come from outside of the saga.
    fn outside_triggers(&mut self) {
        let nodes = self.nodes;
        let is_emitted = |event| nodes.iter().any(|node| node.step.done == event);
        let triggers = nodes.iter().flat_map(|node| node.step.on.iter().copied());
        let mut outside: Vec<EventType> = triggers.filter(|event| !is_emitted(*event)).collect();
        outside.sort_unstable();
        outside.dedup();
        for event in outside {
            self.event_node(event);
        }
    }

    /// Draws an event as a node, with the steps that it triggers.
    fn event_node(&mut self, event: EventType) {
        self.line(format_args!("{}([\"{event}\"])", event_id(event)));
        for node in self.nodes.iter().filter(|node| node.step.on.contains(&event)) {
            self.line(format_args!("{} --> {}", event_id(event), id(node)));
        }
    }

    fn steps(&mut self) {
        let nodes = self.nodes;
        for node in nodes {
            let (open, close) = shape(node.step.kind);
            let kind = node.step.kind.as_str();
            let (service, step) = (node.service, node.step.name);
            let outside = node.step.runs.note();
            self.line(format_args!(
                "{}{open}\"<b>{service}</b><br/>{step}<br/><i>{kind}{outside}</i>\"{close}",
                id(node)
            ));
        }
        let mut drawn: Vec<EventType> = Vec::new();
        for node in nodes {
            let done = node.step.done;
            let triggered = || nodes.iter().filter(move |next| next.step.on.contains(&done));
            let emitters = nodes.iter().filter(|other| other.step.done == done).count();
            // With several emitters the event becomes a node, because the lines would cross.
            if emitters == 1 && triggered().count() > 0 {
                for next in triggered() {
                    self.line(format_args!("{} -->|{}| {}", id(node), done.event(), id(next)));
                }
                continue;
            }
            self.line(format_args!("{} --> {}", id(node), event_id(done)));
            if !drawn.contains(&done) {
                self.event_node(done);
                drawn.push(done);
            }
        }
    }

    /// Draws the refusals, the abort, and the compensations of each service, the last step first.
    fn compensations(&mut self) {
        let aborts = self.nodes.iter().find_map(|node| Some((node.saga.owner, node.saga.abort?)));
        let Some((owner, abort)) = aborts else { return };
        self.line(format_args!("abort{{{{\"<b>{owner}</b><br/>{}\"}}}}", abort.name()));
        for node in self.nodes {
            let Some(refused) = node.step.refused else { continue };
            let label = if refused == abort { "refused" } else { refused.event() };
            self.line(format_args!("{} -.->|{label}| abort", id(node)));
        }
        if let Some(deadline) = self.nodes.iter().find_map(|node| node.saga.deadline) {
            let (passed, after) = (deadline.passed, deadline.after);
            self.line(format_args!(
                "deadline([\"<b>{owner}</b><br/>deadline<br/><i>{after:#}</i>\"])"
            ));
            self.line(format_args!("deadline -.->|{}| abort", passed.event()));
        }
        let services: BTreeSet<&str> = self.nodes.iter().map(|node| node.service).collect();
        for service in services {
            let mut before = "abort".to_owned();
            let of_service = |node: &&Node<'_>| node.service == service;
            for node in self.nodes.iter().filter(of_service).rev() {
                let Some(compensated) = node.step.compensated else { continue };
                let compensation = format!("compensate_{}", id(node));
                self.line(format_args!(
                    "{before} -.-> {compensation}[\"<b>{service}</b><br/>compensate {}<br/>{}\"]",
                    node.step.name,
                    compensated.event()
                ));
                before = compensation;
            }
        }
    }

    fn colours(&mut self) {
        let mut services: Vec<&str> = self.nodes.iter().map(|node| node.service).collect();
        services.sort_unstable();
        services.dedup();
        for (service, colour) in services.iter().zip(COLOURS.iter().cycle()) {
            let of_service = self.nodes.iter().filter(|node| node.service == *service);
            let mut ids: Vec<String> = Vec::new();
            for node in of_service {
                ids.push(id(node));
                ids.extend(node.step.compensated.map(|_| format!("compensate_{}", id(node))));
            }
            self.line(format_args!("classDef {service} stroke:{colour},stroke-width:2px"));
            self.line(format_args!("class {} {service}", ids.join(",")));
        }
    }
}

fn id(node: &Node<'_>) -> String {
    format!("{}_{}", node.service, node.step.name)
}

fn event_id(event: EventType) -> String {
    format!("event_{}_{}", event.service(), event.event())
}

/// Returns the shape of a step's node, by its kind.
const fn shape(kind: StepKind) -> (&'static str, &'static str) {
    match kind {
        StepKind::Origin => ("([", "])"),
        StepKind::Compensatable => ("[", "]"),
        StepKind::Pivot => ("[[", "]]"),
        StepKind::Decision => ("{{", "}}"),
        StepKind::Retriable => ("(", ")"),
    }
}
