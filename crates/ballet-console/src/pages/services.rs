//! The services, the broker and the databases: what was found of each, and what to do about it.

use std::collections::BTreeMap;

use ballet_ops::finding::{Finding, State};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::pages::words::{ago, number};

/// What the page shows.
#[derive(Debug)]
pub(crate) struct Services<'a> {
    /// What was found and when, or why nothing was.
    pub(crate) findings: Result<&'a [Finding], &'a str>,
    pub(crate) found_at: Timestamp,
    /// The services of the contracts.
    pub(crate) services: &'a [&'static str],
    /// The open sagas, by name.
    pub(crate) open: &'a [(String, i64)],
    pub(crate) now: Timestamp,
}

/// The page.
pub(crate) fn services(page: &Services<'_>) -> Markup {
    let findings = page.findings.unwrap_or_default();
    let mut of: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        of.entry(&finding.subject).or_default().push(finding);
    }
    // What is no service is the broker, one of its nodes, or the databases together.
    let around: Vec<&str> =
        of.keys().copied().filter(|name| !page.services.contains(name)).collect();
    html! {
        h1 { "Services" }
        @match page.findings {
            Err(why) => p.trouble role="status" { "Nothing is known: " (why) },
            Ok(_) => p.quiet { "As " code { "ballet doctor" } " found it " (ago(page.found_at, page.now)) "." },
        }
        @for name in around.iter().chain(page.services) {
            section {
                h2 { (name) }
                @match of.get(name) {
                    Some(findings) => ul.rows { @for finding in findings { (row(finding)) } },
                    None => p.quiet { "Nothing was found of it." },
                }
            }
        }
        section {
            h2 { "To drain before an upgrade" }
            @if page.open.is_empty() { p.calm { span aria-hidden="true" { "✓ " } "No saga is open." } }
            @else {
                ul { @for (saga, count) in page.open {
                    li { a href={ "/sagas?saga=" (saga) "&state=waiting" } { (saga) } ": " (number(*count)) " open" }
                } }
                p.quiet { "A version of a saga that has none can be removed: " code { "ballet sagas versions" } "." }
            }
        }
        section {
            h2 { "To pause a consumer" }
            p { "End its processes: its messages wait in its queue, and the sagas are blocked, not stuck. Start it again, and they go on." }
        }
    }
}

fn row(finding: &Finding) -> Markup {
    let class = match finding.state {
        State::Bad | State::Unknown => "stuck",
        State::Warning => "blocked",
        State::Well => "completed",
    };
    html! {
        li.row.(class) {
            div.first { strong { (finding.check) } " " span.quiet { (finding.state.name()) } }
            div.what dir="auto" { (finding.found) }
            @if !finding.advice.is_empty() { div.detail dir="auto" { "Do: " (finding.advice) } }
        }
    }
}
