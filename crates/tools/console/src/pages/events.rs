//! The catalogue of events: publishers, consumers, fields, and records in the journal.

use ballet_check::listing::{ListedEvent, fields};
use ballet_core::portable::make_portable;
use ballet_ops::words::grouped;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::contract_index::ContractIndex;
use crate::pages::words::{ago, event};
use crate::store::counts::SeenType;

pub(crate) fn events(contract_index: &ContractIndex, seen: &[SeenType], now: Timestamp) -> Markup {
    html! {
        h1 { "Events" }
        ul.rows.events {
            @for listed in contract_index.events.values() {
                li.row {
                    div.first { a href={ "/events/" (listed.event.name()) } { (event(listed.event.name())) } }
                    div.what { (listed.meaning) }
                    div.when { (flow(listed)) (times(seen, listed, now)) }
                }
            }
        }
    }
}

fn flow(listed: &ListedEvent) -> Markup {
    let mut consumers: Vec<&str> = listed.consumers.iter().map(|(service, _)| *service).collect();
    consumers.dedup();
    html! {
        @if listed.publishers.is_empty() { "nobody" } @else { (listed.publishers.join(", ")) }
        " → "
        @if consumers.is_empty() { "nobody" } @else { (consumers.join(", ")) }
    }
}

fn times(seen: &[SeenType], listed: &ListedEvent, now: Timestamp) -> Markup {
    html! {
        span.quiet {
            @match seen.iter().find(|seen| seen.name == listed.event.name()) {
                Some(seen) if seen.count == 1 => { " · seen once, " (ago(seen.last, now)) }
                Some(seen) => { " · seen " (grouped(seen.count)) " times, the last " (ago(seen.last, now)) }
                None => { " · never seen" }
            }
        }
    }
}

pub(crate) fn one(listed: &ListedEvent, seen: &[SeenType], now: Timestamp) -> Markup {
    let mut schema = listed.schema.clone();
    make_portable(&mut schema);
    let schema = serde_json::to_string_pretty(&schema).unwrap_or_default();
    let fields = fields(&listed.schema);
    html! {
        p.crumb { a href="/events" { "Events" } }
        h1 { (event(listed.event.name())) }
        p { (listed.meaning) }
        p.facts {
            span { "published by " @if listed.publishers.is_empty() { "nobody" } @else { (listed.publishers.join(", ")) } }
            @if !listed.sagas.is_empty() { span { "of " (listed.sagas.join(", ")) } }
            (times(seen, listed, now))
        }
        nav.acts aria-label="What you can do" {
            a.button href={ "/tail?type=" (listed.event.name()) } { "Follow it" }
        }
        section {
            h2 { "Who consumes it" }
            @if listed.consumers.is_empty() { p.quiet { "Nobody: the journal keeps it." } }
            ul { @for (service, purpose) in &listed.consumers { li { strong { (service) } ", " (purpose) } } }
        }
        @if !fields.is_empty() {
            section {
                h2 { "Its fields" }
                div.scroll tabindex="0" role="region" aria-label="Its fields" {
                    table {
                        thead { tr { th scope="col" { "field" } th scope="col" { "type" } th scope="col" { "required" } th scope="col" { "meaning" } } }
                        tbody { @for field in &fields { tr {
                            td { code { (field.path) } }
                            td { (field.kind) }
                            td { @if field.required { "yes" } @else { "no" } }
                            td { (field.meaning) }
                        } } }
                    }
                }
            }
        }
        @if !listed.keys.is_empty() {
            section {
                h2 { "Its business keys" }
                ul { @for key in &listed.keys { li { (key.name()) " in " code { (key.field()) } } } }
            }
        }
        details { summary { "JSON Schema" } pre.body tabindex="0" { (schema) } }
    }
}
