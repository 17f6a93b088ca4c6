//! A saga's history by time, with a lane for each service.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::access::role::BodySight;
use crate::contract_index::ContractIndex;
use crate::pages::body;
use crate::pages::words::{event, exact, span};
use crate::store::entry_row::{EntryKind, EntryRow};

/// The style sheet's colours, which further lanes share.
pub(crate) const LANES: usize = 8;

fn lanes(rows: &[EntryRow]) -> Vec<&str> {
    let mut lanes: Vec<&str> = Vec::new();
    for row in rows {
        if !lanes.contains(&&*row.service) {
            lanes.push(&row.service);
        }
    }
    lanes
}

pub(crate) fn timeline(
    contract_index: &ContractIndex,
    rows: &[EntryRow],
    sight: BodySight,
) -> Markup {
    let lanes = lanes(rows);
    let lane =
        |row: &EntryRow| lanes.iter().position(|name| *name == row.service).unwrap_or(0) % LANES;
    let before = std::iter::once(None).chain(rows.iter().map(|row| Some(row.at)));
    let at = |at: Timestamp, before: Option<Timestamp>| {
        html! { span.at title=(exact(at)) {
            @if let Some(before) = before { "+" (span(at.duration_since(before))) }
            @else { time datetime=(at) { (at.strftime("%H:%M:%S%.3f")) } }
        } }
    };
    let because = |cause: &str| {
        let is_it = |row: &&EntryRow| row.kind == EntryKind::Event && row.message_id == cause;
        let row = rows.iter().find(is_it);
        html! {
            @if let Some(row) = row { a href={ "#" (row.anchor()) } { (event(&row.event_type)) } }
            @else { code dir="auto" { (cause) } }
        }
    };
    // Until a later entry says otherwise.
    let is_dead = |row: &EntryRow| {
        let is_gone = |later: &EntryRow| {
            later.place > row.place
                && (&later.service, &later.message_id) == (&row.service, &row.message_id)
                && matches!(later.kind, EntryKind::Redriven | EntryKind::Discarded)
        };
        row.is_dead() && !rows.iter().any(is_gone)
    };
    html! {
        ol.timeline.{ "lanes-" (lanes.len().clamp(1, LANES)) } {
            @for (row, before) in rows.iter().zip(before) {
                li.entry.{ "lane-" (lane(row)) }.(row.kind.as_str()) id=(row.anchor()) {
                    (at(row.at, before))
                    details {
                        summary {
                            strong.service { (row.service) } " " span.verb { (verb(row.kind)) } " "
                            span dir="auto" { (event(&row.event_type)) }
                            @if let Some(handler) = &row.handler { span.quiet { " in " code { (handler) } } }
                            @if let (EntryKind::Died, Some(detail)) = (row.kind, &row.detail) { span.detail dir="auto" { (detail) } }
                            @if let Some(who) = &row.who { span dir="auto" { " by " strong { (who) } @if let Some(why) = &row.why { ": " (why) } } }
                        }
                        dl {
                            dt { "time" } dd { time datetime=(row.at) { (exact(row.at)) } }
                            dt { "message" } dd { code dir="auto" { (row.message_id) } }
                            @if let Some(cause) = &row.cause { dt { "because of" } dd { (because(cause)) } }
                            @if let Some(reason) = &row.reason { dt { "reason" } dd dir="auto" { (reason) ", " (row.attempts) " attempts" } }
                            @if is_dead(row) { dt { "to mend" } dd { a href={ "/dead-letters/" (row.service) "/" (row.message_id) } { "the dead letter" } } }
                            dt { "journal" } dd { (row.place) }
                        }
                        (body::of_row(contract_index, row, sight))
                    }
                }
            }
        }
    }
}

const fn verb(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Event => "published",
        EntryKind::Died => "could not handle",
        EntryKind::Redriven => "gets again",
        EntryKind::Edited => "gets another body for",
        EntryKind::Discarded => "goes without",
        EntryKind::Note => "tries again",
    }
}
