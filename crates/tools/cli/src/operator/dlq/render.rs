//! Dead letters in tables, and their groups as JSON.

use ballet_ops::redrive::{DeadLetterGroup, GroupKey};
use ballet_ops::terminal::{Cell, Table};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::base::options::GlobalOptions;
use crate::base::ui;

/// What is said instead of a table without rows.
pub(crate) const NONE: &str = "no dead letters match";

/// Indented if it is JSON.
pub(crate) fn pretty(text: &str) -> String {
    let pretty = serde_json::from_str::<Value>(text).ok();
    let pretty = pretty.and_then(|value| serde_json::to_string_pretty(&value).ok());
    pretty.unwrap_or_else(|| text.to_owned())
}

pub(crate) fn groups(groups: &[(&GroupKey, &DeadLetterGroup)], options: &GlobalOptions) {
    let now = options.clock.now();
    let header =
        ["group", "letters", "service", "reason", "step", "event", "died (last)", "detail"];
    let json = |(key, of): &(&GroupKey, &DeadLetterGroup)| group(key, of);
    let cells = |(key, of): &(&GroupKey, &DeadLetterGroup)| group_row(key, of, now);
    ui::list(options.output, groups, json, NONE, Table::new(header), cells);
}

fn group(key: &GroupKey, group: &DeadLetterGroup) -> Value {
    json!({
        "group": key.id(), "service": key.service, "dead_letters": group.count, "reason": key.reason, "step": key.step,
        "type": key.event_type, "first": group.first.map(|at| at.to_string()),
        "last": group.last.map(|at| at.to_string()), "example": group.example,
        "detail": group.detail, "cause": key.cause, "edited": key.is_edited,
    })
}

fn group_row(key: &GroupKey, group: &DeadLetterGroup, now: Timestamp) -> [Cell; 8] {
    let detail = group.detail.as_ref().map(|detail| match key.is_edited {
        true => format!("edited since; it was: {detail}"),
        false => detail.clone(),
    });
    [
        Cell::from(key.id().as_ref()),
        Cell::from(ui::grouped(group.count)),
        Cell::from(&key.service),
        Cell::from(&key.reason).yellow(),
        Cell::from(key.step.as_ref()),
        Cell::from(key.event_type.as_ref()),
        Cell::from(format!("{} ago", ui::ago(group.last, now))),
        Cell::from(detail),
    ]
}
