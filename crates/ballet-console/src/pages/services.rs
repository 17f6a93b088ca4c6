//! The services, the broker and the databases: their figures, the findings on each, and the remedies.

use std::collections::BTreeMap;

use ballet_ops::figures::ServiceFigures;
use ballet_ops::finding::{Finding, FindingState};
use ballet_ops::sagas::{Hindrance, SagaState, SagaVersion};
use ballet_ops::words::grouped;
use ballet_store::waiting::WaitingCount;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::actions::sagas::RetryScope;
use crate::pages::forms::{token, why};
use crate::pages::layout::Person;
use crate::pages::letter_selection::LetterSelection;
use crate::pages::words::{ago, since};

/// The data of the page.
#[derive(Debug)]
pub(crate) struct ServicesPage<'a> {
    /// The findings, or why there are none.
    pub(crate) findings: Result<&'a [Finding], &'a str>,
    pub(crate) found_at: Timestamp,
    /// The figures of each service, or why there are none.
    pub(crate) figures: &'a BTreeMap<String, Result<ServiceFigures, String>>,
    /// The hindrances of sagas.
    pub(crate) hindrances: &'a [Hindrance],
    /// The services of the contracts.
    pub(crate) services: &'a [&'static str],
    /// The number of open sagas, by name.
    pub(crate) open: &'a [(String, i64)],
    /// The sagas with several versions.
    pub(crate) versions: &'a [SagaVersion],
    pub(crate) person: &'a Person,
    pub(crate) now: Timestamp,
}

/// Shows the page.
pub(crate) fn services(page: &ServicesPage<'_>) -> Markup {
    let findings = page.findings.unwrap_or_default();
    let mut of: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        of.entry(&finding.subject).or_default().push(finding);
    }
    // Other names are the broker, one of its nodes or users, or the databases together.
    let around = of.keys().copied().filter(|name| !page.services.contains(name));
    let all: Vec<&str> = page.services.iter().copied().chain(around).collect();
    let is_unwell = |name: &&&str| {
        of.get(**name).into_iter().flatten().any(|one| one.state != FindingState::Well)
    };
    let unwell: Vec<&&str> = all.iter().filter(is_unwell).collect();
    html! {
        h1 { "Services" }
        @match page.findings {
            Err(why) => p.trouble role="status" { "What " code { "ballet doctor" } " finds is not known: " (why) },
            Ok(_) => p.quiet { "As " code { "ballet doctor" } " found it " (ago(page.found_at, page.now)) "." },
        }
        @if !unwell.is_empty() {
            p { "Not well: " @for (at, name) in unwell.iter().enumerate() {
                @if at > 0 { ", " }
                a href={ "#" (anchor(name)) } { (name) }
            } }
        }
        @for name in &all {
            section.service {
                h2 id=(anchor(name)) { (name) }
                @match page.figures.get(*name) {
                    Some(Ok(figures)) => { (shown(figures, page.now)) (retry_link(name, figures, page)) (switch(name, figures, page)) },
                    Some(Err(why)) => p.trouble { "There are no figures of it: " (why) },
                    None => {},
                }
                @for one in page.hindrances.iter().filter(|one| one.service == **name) {
                    p.away dir="auto" { @if let Some(step) = &one.step { strong { (step) } ": " } (one.why) }
                }
                @if let Some(findings) = of.get(name) { (list(findings, page.person)) }
                @else if page.findings.is_ok() { p.quiet { "Nothing was found of it." } }
            }
        }
        (drain(page))
    }
}

/// Returns the id of a name's part of the page: `the broker` is two words.
fn anchor(name: &str) -> String {
    name.replace(' ', "-")
}

/// Shows the bad findings, and the rest folded.
fn list(findings: &[&Finding], person: &Person) -> Markup {
    let (well, others): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().partition(|one| one.state == FindingState::Well);
    html! {
        @if !others.is_empty() { ul.rows { @for one in &others { (row(one, person)) } } }
        @if !well.is_empty() {
            details {
                summary { (well.len()) @if well.len() == 1 { " check is" } @else { " checks are" } " well" }
                ul.rows { @for one in &well { (row(one, person)) } }
            }
        }
    }
}

/// Shows a service in figures.
fn shown(figures: &ServiceFigures, now: Timestamp) -> Markup {
    let ServiceFigures { replicas, unready, outbox, inbox, copies, readers, days, .. } = figures;
    html! {
        dl.figures {
            (figure("processes", &html! {
                (replicas.iter().map(|of| of.count).sum::<u64>())
                @for of in replicas { @if let Some(version) = &of.version {
                    span.quiet dir="auto" { " · " (of.count) " of " (version) }
                } }
                @if !unready.is_empty() { span.quiet { " · " (unready.len()) " not ready" } }
            }))
            (figure("on its way out", &html! {
                (waits(&outbox.events, now))
                @if outbox.copies.count > 0 { span.quiet { " · " (outbox.copies.count) " copies of messages" } }
                @if outbox.unpublishable.count > 0 { span.quiet { " · " (outbox.unpublishable.count) " can never be published" } }
            }))
            (figure("to be tried again", &waits(&inbox.retries, now)))
            (figure("calls without an answer", &waits(&inbox.calls, now)))
            (figure("days with a partition", &html! { (days) }))
            @for (copy, behind) in copies {
                (figure(&format!("copy of {} of {}", copy.entity, copy.owner), &html! {
                    (grouped(copy.entities))
                    span.quiet { " · " @match (copy.filled_at, behind) {
                        (None, _) => "being filled",
                        (_, Some(0)) => "up to date",
                        (_, Some(behind)) => { (grouped(*behind)) " changes behind" },
                        (_, None) => "how far behind is not known",
                    } }
                }))
            }
            @for one in readers {
                (figure(&format!("{} of {}", one.reader, one.stream), &html! {
                    @match one.behind() {
                        Some(behind) => { (grouped(behind)) span.quiet { " behind" } },
                        None => span.quiet { "how far behind is not known" },
                    }
                    @if one.missed_count > 0 { span.quiet { " · " (grouped(one.missed_count)) " missed" } }
                    @if one.holder.is_none() { span.quiet { " · nobody reads" } }
                    @if let Some(why) = &one.failure { span.quiet dir="auto" { " · " (why) } }
                }))
            }
        }
    }
}

fn figure(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn waits(waiting: &WaitingCount, now: Timestamp) -> Markup {
    html! {
        (grouped(waiting.count))
        @if let Some(at) = waiting.since { span.quiet { " for " (since(at, now)) } }
    }
}

/// Links to the retry of waiting work, if there is any.
fn retry_link(service: &str, figures: &ServiceFigures, page: &ServicesPage<'_>) -> Markup {
    let ServiceFigures { inbox, outbox, .. } = figures;
    let waits = inbox.retries.count + inbox.calls.count + outbox.unpublishable.count;
    html! {
        @if waits > 0 && page.person.is_operator() {
            p { a.button href=(RetryScope { service: service.to_owned(), saga: None }.address()) { "Try again now what waits in " (service) } }
        }
    }
}

/// Shows the form that pauses or resumes the service.
fn switch(service: &str, figures: &ServiceFigures, page: &ServicesPage<'_>) -> Markup {
    let form = |act: &str, question: &str, says: &str| {
        html! {
            form.act method="post" action={ "/services/" (service) } {
                (token(page.person))
                (why(question))
                button type="submit" name="act" value=(act) { (says) }
            }
        }
    };
    html! {
        @match &figures.paused {
            Some(paused) => {
                p.away dir="auto" { "It takes no messages: it was " (paused) " (" (ago(paused.at, page.now)) ")." }
                @if page.person.is_operator() { (form("resume", "Why does it go on?", &format!("Resume {service}"))) }
            }
            None => { @if page.person.is_operator() {
                details {
                    summary { "Pause it" }
                    p { "All its processes stop taking messages within seconds, those that are started later, too. Its messages wait in its \
                        queue, and its sagas are blocked, not stuck. It answers requests as before." }
                    (form("pause", "Why is it paused?", &format!("Pause {service}")))
                }
            } }
        }
    }
}

/// Shows what has to end before a version can be removed.
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
            @if !page.versions.is_empty() {
                ul { @for one in page.versions {
                    li { (one.saga) " " strong { "version " (one.version) } ": " (one.open) " open, " (one.role.as_str())
                        @if let Some(at) = one.oldest { span.quiet { ", the oldest began " (ago(at, page.now)) } } }
                } }
            }
        }
    }
}

fn row(finding: &Finding, person: &Person) -> Markup {
    let class = match finding.state {
        FindingState::Bad | FindingState::Unknown => "stuck",
        FindingState::Warning => "blocked",
        FindingState::Well => "completed",
    };
    html! {
        li.row.(class) {
            div.first { strong { (finding.check) } " " span.quiet { (finding.state.name()) } }
            div.what dir="auto" { (finding.found) }
            @if !finding.advice.is_empty() { div.detail dir="auto" { "Do: " (finding.advice) } }
            @if let Some((address, says)) = page_of_advice(finding).filter(|_| person.is_operator()) { div.detail { "On these pages: " a href=(address) { (says) } } }
        }
    }
}

/// Returns the page that does what the advice has a command for.
fn page_of_advice(finding: &Finding) -> Option<(String, String)> {
    let service = &*finding.subject;
    match finding.check {
        "dead letters" => Some((
            LetterSelection::all(service).address(),
            "send them back, or discard them".to_owned(),
        )),
        "outbox" => {
            let retry = RetryScope { service: service.to_owned(), saga: None };
            Some((retry.address(), "publish them now".to_owned()))
        }
        "stuck" => {
            let retry = RetryScope { service: service.to_owned(), saga: None };
            Some((retry.address(), "try them again now".to_owned()))
        }
        "sagas" => {
            let address = format!("/sagas?state={}", SagaState::Waiting);
            Some((address, "the sagas that are open".to_owned()))
        }
        "paused" => Some((format!("#{}", anchor(service)), format!("“Resume {service}”, above"))),
        _ => None,
    }
}
