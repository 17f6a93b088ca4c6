//! Sagas' waits, as table rows and JSON.

use ballet_ops::sagas::{Hindrance, SagaWait};
use ballet_ops::terminal::Cell;
use console::Style;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::base::ui;
use crate::operator::sagas::open_state::hindrance_text;

pub(super) const HEADER: [&str; 5] = ["service", "for", "waits because it", "next attempt", "why"];

/// The hindrance is the reason of a wait without one.
pub(super) fn cells(wait: &SagaWait, hindrance: Option<&Hindrance>, now: Timestamp) -> [Cell; 5] {
    let next = match wait.next_at {
        Some(at) => Some(format!("in {}", ui::ago(Some(now), at))),
        None => wait.is_dead.then(|| "a dead letter".to_owned()),
    };
    let why = Cell::from(wait.why.clone().or_else(|| hindrance.map(hindrance_text)));
    let why = if wait.is_silent { why.styled(Style::new().red()) } else { why };
    [
        Cell::from(&wait.service),
        Cell::from(ui::ago(Some(wait.since), now)),
        Cell::from(&wait.what),
        Cell::from(next),
        why,
    ]
}

pub(super) fn json(wait: &SagaWait) -> Value {
    json!({
        "service": wait.service, "what": wait.what, "event": wait.event_type,
        "since": wait.since.to_string(), "why": wait.why, "silent": wait.is_silent,
        "dead": wait.is_dead, "next_at": wait.next_at.map(|at| at.to_string()),
    })
}

pub(super) fn warn_of(away: &[String]) {
    for away in away {
        ui::note(&format!("{away}; what its service did and waits for is not shown"));
    }
}
