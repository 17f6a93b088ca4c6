//! The history of a saga: in order of time with a lane for each service, and as a tree of causes.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use crate::access::role::BodySight;
use crate::contract_index::ContractIndex;
use crate::pages::body;
use crate::pages::words::{event, exact, span};
use crate::store::entry_row::{EntryKind, EntryRow};

/// The number of colours in the style sheet. Further lanes share them.
pub(crate) const LANES: usize = 8;
/// Deeper causes are shown beside each other.
const DEEPEST: usize = 40;

/// Returns the services in the order in which they appear.
pub(crate) fn lanes(rows: &[EntryRow]) -> Vec<&str> {
    let mut lanes: Vec<&str> = Vec::new();
    for row in rows {
        if !lanes.contains(&&*row.service) {
            lanes.push(&row.service);
        }
    }
    lanes
}

/// Shows the entries in the order of the journal.
pub(crate) fn timeline(
    contract_index: &ContractIndex,
    rows: &[EntryRow],
    sight: BodySight,
) -> Markup {
    let lanes = lanes(rows);
    let lane =
        |row: &EntryRow| lanes.iter().position(|name| *name == row.service).unwrap_or(0) % LANES;
    let before = std::iter::once(None).chain(rows.iter().map(Some));
    html! {
        ol.timeline.{ "lanes-" (lanes.len().clamp(1, LANES)) } {
            @for (row, before) in rows.iter().zip(before) {
                li.entry.{ "lane-" (lane(row)) }.(row.kind.as_str()) id={ "e" (row.place) } {
                    span.at title=(exact(row.at)) {
                        @if let Some(before) = before { "+" (span(row.at.duration_since(before.at))) }
                        @else { time datetime=(row.at) { (row.at.strftime("%H:%M:%S%.3f")) } }
                    }
                    details {
                        summary {
                            strong.service { (row.service) } " " span.verb { (verb(row.kind)) } " "
                            span dir="auto" { (event(&row.event_type)) }
                            @if let Some(handler) = &row.handler { span.quiet { " in " code { (handler) } } }
                            @if let Some(detail) = &row.detail { span.detail dir="auto" { (detail) } }
                            @if let Some(who) = &row.who { span.quiet dir="auto" { " by " (who) } }
                        }
                        dl {
                            dt { "time" } dd { time datetime=(row.at) { (exact(row.at)) } }
                            dt { "message" } dd { code dir="auto" { (row.message_id) } }
                            @if let Some(cause) = &row.cause { dt { "because of" } dd { code dir="auto" { (cause) } } }
                            @if let Some(reason) = &row.reason { dt { "reason" } dd dir="auto" { (reason) ", " (row.attempts) " attempts" } }
                            @if let Some(why) = &row.why { dt { "why" } dd dir="auto" { (why) } }
                            dt { "journal" } dd { (row.place) }
                        }
                        (body::shown(contract_index, &row.event_type, (&row.body, usize::try_from(row.size).unwrap_or_default()), sight))
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
        EntryKind::Discarded => "goes without",
        EntryKind::Note => "has a note about",
    }
}

/// Shows the events below the messages that caused them.
pub(crate) fn tree(rows: &[EntryRow]) -> Markup {
    let events: Vec<&EntryRow> = rows.iter().filter(|row| row.kind == EntryKind::Event).collect();
    let known: BTreeSet<&str> = events.iter().map(|row| &*row.message_id).collect();
    let mut below: BTreeMap<Option<&str>, Vec<&EntryRow>> = BTreeMap::new();
    for row in &events {
        // An entry whose cause is not here begins a tree. So does one that names itself.
        let cause =
            row.cause.as_deref().filter(|cause| known.contains(cause) && *cause != row.message_id);
        below.entry(cause).or_default().push(row);
    }
    html! { (branch(&below, None, &mut BTreeSet::new(), 0)) }
}

fn branch<'r>(
    below: &BTreeMap<Option<&'r str>, Vec<&'r EntryRow>>,
    cause: Option<&'r str>,
    seen: &mut BTreeSet<i64>,
    depth: usize,
) -> Markup {
    let children = below.get(&cause).map_or(&[][..], Vec::as_slice);
    // The consequences of an id that was published twice are shown once.
    let children: Vec<&EntryRow> =
        children.iter().copied().filter(|row| seen.insert(row.place)).collect();
    html! {
        @if !children.is_empty() && depth < DEEPEST {
            ul.tree {
                @for row in children {
                    li {
                        a href={ "#e" (row.place) } { (event(&row.event_type)) }
                        (branch(below, Some(&row.message_id), seen, depth + 1))
                    }
                }
            }
        }
    }
}
