//! Draws one saga as lanes, one for each service.

use std::fmt::Write as _;

use ballet_core::graph::Node;
use ballet_core::{EventType, Graph, StepKind};
use console::{Style, measure_text_width};
use serde_json::Value;

use crate::terminal::text::plain;

/// The head of the times' column.
pub(crate) const MILLIS: &str = "ms";

/// An event of a saga.
#[derive(Debug, Clone, Copy)]
pub struct LaneEvent<'a> {
    /// The time, in milliseconds since any moment; or the number of the move.
    pub millis: i64,
    /// The service that published it.
    pub publisher: &'a str,
    /// Its type.
    pub event_type: &'a str,
    /// Its body, perhaps with a `reason` and the `failed_step`.
    pub body: &'a Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventMeaning {
    Done,
    Ended,
    Refused,
    Aborted,
    Compensated,
}

/// Draws a saga's events: a lane for each publisher, and the time since the first event.
#[must_use]
pub fn draw(graph: &Graph, events: &[LaneEvent<'_>]) -> String {
    let begun = events.first().map_or(0, |event| event.millis);
    drawn(graph, events, (MILLIS, begun))
}

/// Draws a saga's events like [`draw`], with the number of the move in place of the time.
#[must_use]
pub fn draw_moves(graph: &Graph, events: &[LaneEvent<'_>]) -> String {
    drawn(graph, events, ("move", 0))
}

fn drawn(graph: &Graph, events: &[LaneEvent<'_>], (unit, begun): (&str, i64)) -> String {
    let mut lanes: Vec<&str> = Vec::new();
    for event in events {
        if !lanes.contains(&event.publisher) {
            lanes.push(event.publisher);
        }
    }
    let dim = Style::new().dim();
    let mut text = format!("{unit:>7}  {}\n", dim.apply_to(plain(&lanes.join("  "))));
    for event in events {
        let kind = kind(graph, event.event_type);
        let cells = lanes.iter().map(|lane| {
            let here = *lane == event.publisher;
            let mark = if here { style(kind).apply_to(mark(kind)) } else { dim.apply_to("·") };
            format!("{mark}{}", " ".repeat(measure_text_width(lane).saturating_sub(1)))
        });
        let cells: Vec<String> = cells.collect();
        let (time, name) = (event.millis - begun, style(kind).apply_to(short(event)));
        // Writing to a string does not fail.
        write!(text, "{time:>7}  {}  {name}", cells.join("  ")).ok();
        let note = note(kind, event);
        if !note.is_empty() {
            write!(text, "  {}", dim.apply_to(note)).ok();
        }
        text.push('\n');
    }
    text
}

fn short(event: &LaneEvent<'_>) -> String {
    let name = event.event_type.rsplit_once(".v").map_or(event.event_type, |(name, _)| name);
    plain(name)
}

const fn mark(kind: EventMeaning) -> &'static str {
    match kind {
        EventMeaning::Done => "●",
        EventMeaning::Ended => "✓",
        EventMeaning::Refused => "✗",
        EventMeaning::Aborted => "■",
        EventMeaning::Compensated => "↩",
    }
}

fn style(kind: EventMeaning) -> Style {
    match kind {
        EventMeaning::Done => Style::new(),
        EventMeaning::Ended => Style::new().green(),
        EventMeaning::Refused | EventMeaning::Aborted => Style::new().red().bold(),
        EventMeaning::Compensated => Style::new().yellow(),
    }
}

fn kind(graph: &Graph, event_type: &str) -> EventMeaning {
    let is = |event: Option<EventType>| event.is_some_and(|event| event.name() == event_type);
    let sagas = graph.sagas();
    let nodes: Vec<_> = sagas.iter().flat_map(|saga| graph.nodes(saga)).collect();
    // Nothing in the saga follows on the owner's last event.
    let ends = |node: &Node<'_>| {
        node.service == node.saga.owner
            && node.step.kind != StepKind::Origin
            && is(Some(node.step.done))
            && !nodes.iter().any(|other| other.step.on.contains(&node.step.done))
    };
    if nodes.iter().any(|node| is(node.saga.abort)) {
        EventMeaning::Aborted
    } else if nodes.iter().any(ends) {
        EventMeaning::Ended
    } else if nodes.iter().any(|node| is(node.step.compensated)) {
        EventMeaning::Compensated
    } else if nodes.iter().any(|node| is(node.step.refused)) {
        EventMeaning::Refused
    } else {
        EventMeaning::Done
    }
}

fn note(kind: EventMeaning, event: &LaneEvent<'_>) -> String {
    let said = |field: &str| plain(event.body[field].as_str().unwrap_or_default());
    let reason = said("reason");
    match kind {
        EventMeaning::Refused if reason.is_empty() => "refused".to_owned(),
        EventMeaning::Refused => format!("refused: {reason}"),
        EventMeaning::Aborted if reason.is_empty() => "aborted".to_owned(),
        EventMeaning::Aborted => match said("failed_step") {
            step if step.is_empty() => format!("aborted: {reason}"),
            step => format!("aborted: {reason} in {step}"),
        },
        EventMeaning::Compensated => "compensated".to_owned(),
        EventMeaning::Ended => "the saga has ended".to_owned(),
        EventMeaning::Done => String::new(),
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
