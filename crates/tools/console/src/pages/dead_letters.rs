//! Dead letters: in groups, and one in full.

use ballet_core::topology::UNROUTED;
use ballet_ops::words::grouped;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::access::role::BodySight;
use crate::contract_index::ContractIndex;
use crate::pages::actions::section;
use crate::pages::body;
use crate::pages::layout::Person;
use crate::pages::letter::{Letter, LetterGroup, ServiceLetters};
use crate::pages::letter_selection::LetterSelection;
use crate::pages::saga::unmask;
use crate::pages::words::{ago, encoded, event, exact};
use crate::store::actions::RecordedAction;

pub(crate) fn groups(all: &[ServiceLetters], person: &Person, now: Timestamp) -> Markup {
    let sum: u64 = all.iter().map(|one| one.count).sum();
    html! {
        h1 { "Dead letters" }
        @if sum == 0 && all.iter().all(|one| one.away.is_none()) {
            p.calm { span aria-hidden="true" { "✓ " } "There is none." }
        }
        @for one in all.iter().filter(|one| one.count > 0 || one.away.is_some()) {
            section {
                h2 { (one.service) " " @if person.is_operator() && one.count > 0 { a.quiet href=(LetterSelection::all(&one.service).address()) { "all" } " " } span.quiet { (grouped(one.count)) } }
                @if one.service == UNROUTED { p.quiet { "Events that no binding took: the binding was missing, or no service declares their type." } }
                @if let Some(away) = &one.away { p.wrong dir="auto" { (away) } }
                @if one.is_held { p.quiet { "Another program is reading them: those that it holds are missing here." } }
                ul.rows { @for of in &one.groups { (group(of, person, now)) } }
            }
        }
    }
}

fn group(of: &LetterGroup, person: &Person, now: Timestamp) -> Markup {
    let LetterGroup { key, died, redrives, letters } = of;
    let more = died.count.saturating_sub(letters.len() as u64);
    html! {
        li.row.stuck {
            div.first dir="auto" {
                span.count { (grouped(died.count)) } " "
                @if let Some(name) = &key.event_type { (event(name)) } @else { "no type" }
                @if let Some(step) = &key.step { " in " code { (step) } }
                " · " (key.reason)
                @if key.is_edited { " · edited" }
            }
            @if let Some(cause) = &key.cause { div.detail dir="auto" { (cause) } }
            div.when {
                @if let Some(first) = died.first { "the first " (ago(first, now)) }
                @if let Some(last) = died.last { ", the last " (ago(last, now)) }
                @if *redrives > 0 { ", sent again up to " (redrives) " times" }
            }
            @if let Some(meant) = LetterSelection::group(key).filter(|_| person.is_operator()) {
                div.what { a.button href=(meant.address()) { @if key.service == UNROUTED { "Send on or discard" } @else { "Send back or discard" } } }
            }
            details {
                summary { "which" }
                ul.letters {
                    @for (id, dead_at) in letters {
                        li {
                            a.id href={ "/dead-letters/" (key.service) "/" (id) } { (id) }
                            @if let Some(at) = dead_at { " " (ago(*at, now)) }
                        }
                    }
                }
                @if more > 0 { p.quiet { "and " (grouped(more)) " more" } }
            }
        }
    }
}

pub(crate) fn one(
    contract_index: &ContractIndex,
    letter: &Letter,
    actions: &[RecordedAction],
    person: &Person,
    sight: BodySight,
    now: Timestamp,
) -> Markup {
    let (named, dead) = (letter.event_name(), &letter.dead);
    let is_unrouted = dead.service == UNROUTED;
    let command = match is_unrouted {
        true => "ballet topology repair".to_owned(),
        false => format!("ballet dlq redrive --service {} --id {}", dead.service, dead.id),
    };
    let headers = letter.headers();
    html! {
        p.crumb { a href="/dead-letters" { "Dead letters" } }
        h1 dir="auto" { @if named.is_empty() { "No type" } @else { (event(named)) } }
        @if is_unrouted { p { "No binding took it." } }
        @else { p { strong { (dead.service) } " could not handle it"
            @if let Some(step) = &dead.step { " in " code { (step) } }
            ": " (dead.reason) "." } }
        @if let Some(detail) = &dead.detail { p.detail dir="auto" { (detail) } }
        dl {
            dt { "message" } dd { code { (dead.id) } }
            @if let Some(saga) = &dead.saga { dt { "saga" } dd { a.id dir="auto" href={ "/sagas/" (encoded(saga)) } { (saga) } } }
            @if let Some(at) = dead.dead_at { dt { "died" } dd { (ago(at, now)) ", " (exact(at)) } }
            dt { "attempts" } dd { (dead.attempts) }
            dt { "sent again" } dd { (dead.redrives) " times" }
            @if let Some(exchange) = &dead.exchange { dt { "published to" } dd dir="auto" { (exchange) @if let Some(key) = &dead.routing_key { " with " code { (key) } } } }
        }
        h2 { "Its body" }
        (body::shown(contract_index, named, (&letter.body, letter.size), sight))
        @if person.is_operator() && !sight.is_unmasked { (unmask(&format!("{}/unmasked", letter.address()))) }
        details {
            summary { (headers.len()) " headers" }
            dl.headers { @for (name, value) in &headers { dt dir="auto" { (name) } dd dir="auto" { (value) } } }
        }
        h2 { "What to do" }
        @if person.is_operator() {
            nav.acts aria-label="What you can do" {
                a.button href=(LetterSelection::one(letter).address()) { @if is_unrouted { "Send it on or discard it" } @else { "Send it back or discard it" } }
                @if !is_unrouted { a.button href={ (letter.address()) "/edit" } { "Edit its body" } }
                @if let Some(meant) = LetterSelection::group(&letter.group) { a.button href=(meant.address()) { "All that died alike" } }
            }
        }
        (section(actions, now))
        p { "The same from a terminal: " code { (command) }
            ". With " code { "--dry-run" } " the command says what it would do." }
    }
}
