//! How the system's parts stand: well or not, since when, and what to do.

use ballet_core::Cause;
use ballet_core::topology::UNROUTED;
use ballet_ops::standing::finding::{Area, Finding, FindingState};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::actions::sagas::RetryScope;
use crate::pages::letter_selection::LetterSelection;
use crate::pages::words::since;

/// The maximum number of findings of one part that are shown.
const MOST: usize = 5;

/// Looks come every few seconds, so an older one says nothing about now.
const STALE: SignedDuration = SignedDuration::from_secs(10);

#[derive(Debug, Clone, Default)]
pub(crate) struct PartsStanding {
    pub(crate) unwell: Vec<Finding>,
    pub(crate) at: Option<Timestamp>,
    pub(crate) has_databases: bool,
}

pub(crate) fn standing(standing: &PartsStanding, areas: &[Area], now: Timestamp) -> Markup {
    let of = |area: Area| -> Vec<&Finding> {
        standing.unwell.iter().filter(|one| one.area() == area).collect()
    };
    html! {
        ul.standing { @for area in areas {
            @let found = of(*area);
            @let is_asked = *area == Area::Broker || standing.has_databases;
            @let is_stale = standing.at.is_some_and(|at| now.duration_since(at) > STALE);
            @let is_known = standing.at.is_some() && is_asked && !is_stale;
            li.unwell[!found.is_empty()].well[found.is_empty() && is_known] {
                strong { (area.name()) " " }
                @if !found.is_empty() {
                    @for one in found.iter().take(MOST) { (short(one, now)) }
                    @if found.len() > MOST { p { a href="/services" { "and " (found.len() - MOST) " more" } } }
                } @else if let Some(at) = standing.at.filter(|_| is_asked && is_stale) {
                    span { "not known for " (since(at, now)) ": it was well then, and the look since has no answer" }
                } @else if is_known { span.calm { span aria-hidden="true" { "✓ " } "well" } }
                @else if standing.at.is_none() { span.quiet { "not looked at yet" } }
                @else { span.quiet { "not known: the console has no addresses of the databases" } }
            }
        } }
    }
}

fn short(one: &Finding, now: Timestamp) -> Markup {
    html! {
        p dir="auto" {
            strong { (one.subject) ": " (one.cause) }
            @if let Some(at) = one.since { span.quiet { ", for " (since(at, now)) } }
            ". " (one.found) "."
            @if !one.advice.is_empty() { span.quiet { " Do: " (one.advice) ". " (link_of_advice(one)) } }
        }
    }
}

pub(crate) fn link_of_advice(finding: &Finding) -> Markup {
    let service = &*finding.subject;
    let letters = |of| LetterSelection::all(of).address();
    let retry = || RetryScope { service: service.to_owned(), saga: None }.address();
    let (address, says) = match finding.cause {
        Cause::DeadLetters => (letters(service), "send them back, or discard them"),
        Cause::Unrouted => (letters(UNROUTED), "send them on, or discard them"),
        Cause::Outbox => (retry(), "publish them now"),
        Cause::Stuck => (retry(), "try them again now"),
        _ => return html! {},
    };
    html! { span.for-operators { "On these pages: " a href=(address) { (says) } } }
}

pub(crate) const fn class(state: FindingState) -> &'static str {
    match state {
        FindingState::Bad | FindingState::Unknown => "stuck",
        FindingState::Warning => "blocked",
        FindingState::Well => "completed",
    }
}
