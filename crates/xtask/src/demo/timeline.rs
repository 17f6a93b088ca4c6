//! Draws one saga as lanes, one for each service.

use ballet::core::{Event, EventType, Graph};
use shop_events::orders::{OrderCancelled, OrderCompleted};

use crate::harness::journal::Entry;
use crate::ui;

/// What an event says about its saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Done,
    Completed,
    Refused,
    Aborted,
    Compensated,
}

/// Draws the events of a saga: a lane for each publisher, and the time since the first event.
pub(crate) fn draw(graph: &Graph, events: &[Entry]) -> String {
    let mut lanes = Vec::new();
    for event in events {
        if !lanes.contains(&event.publisher.as_str()) {
            lanes.push(event.publisher.as_str());
        }
    }
    let begun = events.first().map_or(0, |event| event.millis);
    let heads: Vec<_> =
        lanes.iter().map(|lane| format!("{lane:<width$}", width = width(lane))).collect();
    let mut text = format!("{:>7}  {}\n", "ms", ui::dim(&heads.join("  ")));
    for event in events {
        let kind = kind(graph, &event.name);
        let cells: Vec<_> = lanes
            .iter()
            .map(|lane| {
                let here = *lane == event.publisher;
                let mark = if here { colour(kind, mark(kind)) } else { ui::dim("·") };
                format!("{mark}{}", " ".repeat(width(lane) - 1))
            })
            .collect();
        let name = event.name.rsplit_once(".v").map_or(event.name.as_str(), |(name, _)| name);
        let note = note(kind, event);
        text += &format!(
            "{:>7}  {}  {}{}\n",
            event.millis - begun,
            cells.join("  "),
            colour(kind, name),
            if note.is_empty() { String::new() } else { format!("  {}", ui::dim(&note)) }
        );
    }
    text
}

fn width(lane: &str) -> usize {
    lane.len().max(1)
}

const fn mark(kind: Kind) -> &'static str {
    match kind {
        Kind::Done => "●",
        Kind::Completed => "✓",
        Kind::Refused => "✗",
        Kind::Aborted => "■",
        Kind::Compensated => "↩",
    }
}

fn colour(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Done => text.to_owned(),
        Kind::Completed => ui::green(text),
        Kind::Refused | Kind::Aborted => ui::red(text),
        Kind::Compensated => ui::yellow(text),
    }
}

fn kind(graph: &Graph, name: &str) -> Kind {
    let is = |event: Option<EventType>| event.is_some_and(|event| event.name() == name);
    let sagas = graph.sagas();
    let nodes: Vec<_> = sagas.iter().flat_map(|saga| graph.nodes(saga)).collect();
    if name == OrderCancelled::TYPE.name() {
        Kind::Aborted
    } else if name == OrderCompleted::TYPE.name() {
        Kind::Completed
    } else if nodes.iter().any(|node| is(node.step.compensated)) {
        Kind::Compensated
    } else if nodes.iter().any(|node| is(node.step.refused)) {
        Kind::Refused
    } else {
        Kind::Done
    }
}

fn note(kind: Kind, event: &Entry) -> String {
    let reason = event.body["reason"].as_str().unwrap_or_default();
    match kind {
        Kind::Refused => format!("refused: {reason}"),
        Kind::Aborted => {
            let step = event.body["failed_step"].as_str();
            let step = step.map(|step| format!(" in {step}")).unwrap_or_default();
            format!("aborted: {reason}{step}")
        }
        Kind::Compensated => "compensated".to_owned(),
        Kind::Completed => "the saga has ended".to_owned(),
        Kind::Done => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn refusals_and_compensations_stand_out() {
        let entry = |millis, publisher: &str, name: &str| Entry {
            message_id: Uuid::nil(),
            millis,
            publisher: publisher.to_owned(),
            name: name.to_owned(),
            body: json!({ "reason": "no", "failed_step": "authorize_payment" }),
        };
        let events = [
            entry(1_000, "orders", "orders.order_placed.v1"),
            entry(1_007, "inventory", "inventory.stock_reserved.v1"),
            entry(1_020, "payments", "payments.payment_declined.v1"),
            entry(1_031, "orders", "orders.order_cancelled.v1"),
            entry(1_044, "inventory", "inventory.stock_released.v1"),
        ];
        // Tests have no terminal, so there are no colours.
        let expected = "     ms  orders  inventory  payments
      0  ●       ·          ·         orders.order_placed
      7  ·       ●          ·         inventory.stock_reserved
     20  ·       ·          ✗         payments.payment_declined  refused: no
     31  ■       ·          ·         orders.order_cancelled  aborted: no in authorize_payment
     44  ·       ↩          ·         inventory.stock_released  compensated
";
        console::set_colors_enabled(false);
        assert_eq!(draw(&shop::graph(), &events), expected);
    }
}
