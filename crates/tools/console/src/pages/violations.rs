//! What broke a property.

use ballet_ops::monitor::Property;
use ballet_ops::words::grouped;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::pages::words::{ago, event, saga};
use crate::store::entry_row::{EntryKind, EntryRow};
use crate::store::violations::FoundViolation;

pub(crate) fn violations(found: &[FoundViolation], now: Timestamp) -> Markup {
    let of_saga = |one: &FoundViolation| {
        html! { @if let Some(id) = one.saga { div.detail { (saga(id)) } } }
    };
    html! {
        @if !found.is_empty() {
            h2 { "What breaks a property, in the last day" }
            @for one in found { (row(one, &of_saga(one), now)) }
        }
    }
}

/// On its saga's page, with these entries.
pub(crate) fn of_saga(found: &[FoundViolation], rows: &[EntryRow], now: Timestamp) -> Markup {
    let place = |one: &FoundViolation| {
        let id = one.message.to_string();
        let is_it = |row: &&EntryRow| row.kind == EntryKind::Event && row.message_id == id;
        let shown = rows.iter().find(is_it);
        html! { @if let Some(row) = shown { div.detail { a href={ "#" (row.anchor()) } { "in the time line" } } } }
    };
    html! {
        @if !found.is_empty() {
            section {
                h2 { "What breaks a property" }
                @for one in found { (row(one, &place(one), now)) }
            }
        }
    }
}

fn row(one: &FoundViolation, place: &Markup, now: Timestamp) -> Markup {
    html! { div.row.stuck {
        div.first {
            strong { (one.property) } " " (event(&one.event_type))
            span.quiet { " of " (one.service) ", entry " (one.entry) ", " (ago(one.at, now)) }
            @if one.count > 1 { " · one of " strong { (grouped(one.count)) } " alike" }
        }
        (place)
        div.what dir="auto" { (one.says) }
        div.detail { "Do: " (advice(&one.property)) }
    } }
}

fn advice(property: &str) -> &'static str {
    let known = Property::ALL.into_iter().find(|known| known.as_str() == property);
    known.map_or("", Property::advice)
}
