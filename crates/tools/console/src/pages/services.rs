//! The services in a table, the worst first, with faults and remedies; broker and databases above.

use std::collections::BTreeMap;

use ballet_ops::standing::figures::ServiceFigures;
use ballet_ops::standing::finding::{Area, Finding, FindingState};
use ballet_ops::words::grouped;
use ballet_store::waiting::WaitingCount;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::actions::sagas::RetryScope;
use crate::observer::system_findings::SystemFindings;
use crate::pages::layout::Person;
use crate::pages::standing::{PartsStanding, class, link_of_advice, standing};
use crate::pages::words::{ago, since};

pub(crate) struct ServicesPage<'a> {
    pub(crate) found: &'a SystemFindings,
    pub(crate) standing: &'a PartsStanding,
    pub(crate) services: &'a [&'static str],
    pub(crate) open: &'a [(String, i64)],
    /// Since when a saga waits for each service, of those that have waited longest.
    pub(crate) oldest: &'a BTreeMap<String, Timestamp>,
    pub(crate) person: &'a Person,
    pub(crate) now: Timestamp,
}

pub(crate) fn services(page: &ServicesPage<'_>) -> Markup {
    let all = page.found.all();
    let of = |service: &str| -> Vec<&Finding> {
        all.iter().filter(|one| one.subject == service).copied().collect()
    };
    let mut services: Vec<(&str, Vec<&Finding>)> =
        page.services.iter().map(|service| (*service, of(service))).collect();
    // The worst comes first.
    services.sort_by_key(|(_, found)| {
        found
            .iter()
            .map(|one| one.rank())
            .min()
            .filter(|(state, _)| *state != FindingState::Well)
            .map_or((1, None), |rank| (0, Some(rank)))
    });
    let around: Vec<&Finding> =
        all.iter().filter(|one| !page.services.contains(&&*one.subject)).copied().collect();
    html! {
        h1 { "Services" }
        (standing(page.standing, &[Area::Broker, Area::Databases], page.now))
        (list(&around, page.person))
        p.quiet { "As " code { "ballet doctor" } " finds it"
            @if let Some(at) = page.found.at { ", looked at " (ago(at, page.now)) } "." }
        table.services {
            thead { tr { @for name in HEAD { th scope="col" { (name) } } } }
            tbody { @for (service, found) in &services { (service_row(service, found, page)) } }
        }
        (drain(page))
    }
}

const HEAD: [&str; 7] =
    ["service", "stands", "processes", "queue", "tried again", "calls", "copies and telemetry"];

/// Well, or why not.
fn service_row(service: &str, found: &[&Finding], page: &ServicesPage<'_>) -> Markup {
    let now = page.now;
    let (well, others): (Vec<&Finding>, Vec<&Finding>) =
        found.iter().partition(|one| one.state == FindingState::Well);
    let figures = page.found.figures.get(service);
    let known = figures.and_then(|figures| figures.as_ref().ok());
    let cell = |at: usize, content: Markup| html! { td data-of=(HEAD[at]) { (content) } };
    html! {
        tr.(others.first().map_or(if known.is_some() { "well" } else { "quiet" }, |one| class(one.state))) id=(service) {
            th scope="row" { (service) }
            (cell(1, html! {
                @for one in &others { (row(one, page.person)) }
                @if others.is_empty() { @if known.is_some() { span.calm { span aria-hidden="true" { "✓ " } "well" } } @else { span.quiet { "not known" } } }
                @if let Some(Err(why)) = figures { p.quiet dir="auto" { "no figures: " (why) } }
                @if let Some(figures) = known { (retry_link(service, figures, page)) }
                (folded(&well, page.person))
            }))
            (cell(2, html! { @if let Some(figures) = known { (processes(figures)) } }))
            (cell(3, html! {
                @match page.found.depth(service) { Some(depth) => (grouped(depth)), None => "–" }
                @if let Some(at) = page.oldest.get(service) { span.quiet { " · a saga waits for " (since(*at, now)) } }
                @if let Some(figures) = known { (outgoing(figures, now)) }
            }))
            (cell(4, html! { @if let Some(figures) = known { (waits(&figures.inbox.retries, now)) } }))
            (cell(5, html! { @if let Some(figures) = known { (waits(&figures.inbox.calls, now)) } }))
            (cell(6, html! { @if let Some(figures) = known { (copies(figures)) } }))
        }
    }
}

fn processes(ServiceFigures { replicas, unready, .. }: &ServiceFigures) -> Markup {
    html! {
        (replicas.iter().map(|of| of.count).sum::<u64>())
        @for of in replicas { @if let Some(version) = &of.version {
            span.quiet dir="auto" { " · " (of.count) " of " (version) }
        } }
        @if !unready.is_empty() { span.quiet { " · " (unready.len()) " not ready" } }
    }
}

/// What is on its way out, if anything.
fn outgoing(ServiceFigures { outbox, .. }: &ServiceFigures, now: Timestamp) -> Markup {
    html! {
        @if outbox.events.count > 0 { span.quiet { " · on its way out: " (waits(&outbox.events, now)) } }
        @if outbox.unpublishable.count > 0 { span.quiet { " · " (outbox.unpublishable.count) " can never be published" } }
    }
}

/// How far they are behind.
fn copies(ServiceFigures { copies, readers, .. }: &ServiceFigures) -> Markup {
    html! {
        @for (copy, behind) in copies { p {
            "copy of " (copy.entity) " of " (copy.owner) ": " (grouped(copy.entities))
            span.quiet { " · " @match (copy.filled_at, behind) {
                (None, _) => "being filled",
                (_, Some(0)) => "up to date",
                (_, Some(behind)) => { (grouped(*behind)) " changes behind" },
                (_, None) => "how far behind is not known",
            } }
        } }
        @for one in readers { p {
            (one.reader) " of " (one.stream) ": "
            @match one.behind() {
                Some(behind) => { (grouped(behind)) span.quiet { " behind" } },
                None => span.quiet { "how far behind is not known" },
            }
            @if one.missed_count > 0 { span.quiet { " · " (grouped(one.missed_count)) " missed" } }
            @if one.holder.is_none() { span.quiet { " · nobody reads" } }
            @if let Some(why) = &one.failure { span.quiet dir="auto" { " · " (why) } }
        } }
    }
}

fn list(findings: &[&Finding], person: &Person) -> Markup {
    let (well, others): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().partition(|one| one.state == FindingState::Well);
    html! {
        @for one in &others { (row(one, person)) }
        (folded(&well, person))
    }
}

fn folded(well: &[&Finding], person: &Person) -> Markup {
    html! {
        @if !well.is_empty() {
            details {
                summary { (well.len()) @if well.len() == 1 { " check is" } @else { " checks are" } " well" }
                @for one in well { (row(one, person)) }
            }
        }
    }
}

fn waits(waiting: &WaitingCount, now: Timestamp) -> Markup {
    html! {
        (grouped(waiting.count))
        @if let Some(at) = waiting.since { span.quiet { " for " (since(at, now)) } }
    }
}

fn retry_link(service: &str, figures: &ServiceFigures, page: &ServicesPage<'_>) -> Markup {
    let ServiceFigures { inbox, outbox, .. } = figures;
    let waits = inbox.retries.count + inbox.calls.count + outbox.unpublishable.count;
    html! {
        @if waits > 0 && page.person.is_operator() {
            p { a.button href=(RetryScope { service: service.to_owned(), saga: None }.address()) { "Try again now what waits in " (service) } }
        }
    }
}

fn drain(page: &ServicesPage<'_>) -> Markup {
    html! {
        section {
            h2 { "To drain before an upgrade" }
            @if page.open.is_empty() { p.calm { span aria-hidden="true" { "✓ " } "No saga is open." } }
            @else {
                ul { @for (saga, count) in page.open {
                    li { a href={ "/sagas?saga=" (saga) "&state=waiting" } { (saga) } ": " (grouped(*count)) " open" }
                } }
            }
            @if !page.found.versions.is_empty() {
                ul { @for one in &page.found.versions {
                    li { (one.saga) " " strong { "version " (one.version) } ": " (one.open) " open, " (one.role.as_str())
                        @if let Some(at) = one.oldest { span.quiet { ", the oldest began " (ago(at, page.now)) } } }
                } }
            }
        }
    }
}

fn row(finding: &Finding, person: &Person) -> Markup {
    html! {
        div.row.(class(finding.state)) {
            div.first { strong { (finding.cause) } " " span.quiet { (finding.subject) " · " (finding.state.name()) } }
            div.what dir="auto" { (finding.found) }
            @if !finding.advice.is_empty() { div.detail dir="auto" { "Do: " (finding.advice) } }
            @if person.is_operator() { div.detail { (link_of_advice(finding)) } }
        }
    }
}
