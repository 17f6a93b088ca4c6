//! The audits: running one, its findings down to the row, and those of earlier ones.

use ballet_ops::words::grouped;
use jiff::Timestamp;
use maud::{Markup, html};
use uuid::Uuid;

use crate::pages::forms::token;
use crate::pages::layout::Person;
use crate::pages::words::{ago, span};
use crate::store::audits::StoredAudit;

/// The most cases of one kind that are shown.
const MOST: usize = 500;

/// Shows the page. `shown` is the chosen audit; without one it is the last. `by` is a person who may run one.
pub(crate) fn audit(
    all: &[StoredAudit],
    shown: Option<i64>,
    by: Option<&Person>,
    now: Timestamp,
) -> Markup {
    let found = all.iter().find(|one| shown.is_none_or(|id| one.id == id));
    html! {
        h1 { "Audit" }
        p.quiet { "It reads the ledgers, inboxes, outboxes, calls, deadlines and copies of all services, and the broker's "
            "queues, and writes nothing. It is " code { "ballet audit" } "." }
        @if let Some(person) = by {
            form method="post" action="/audit" { (token(person)) button type="submit" { "Run it now" } }
        } @else { p.quiet { "It cannot be run from here: that is for an operator, of a console that the command has started." } }
        @match found {
            Some(one) => (one_audit(one, now)),
            None => div.empty { p { "No audit was run from here yet." } },
        }
        @if all.len() > 1 {
            section { h2 { "Before" }
                ul.rows { @for one in all {
                    li.row { div.first { a href={ "/audit?id=" (one.id) } { (verdict(one)) } }
                        div.when { (ago(one.at, now)) " · " (one.who) } }
                } }
            }
        }
    }
}

fn verdict(audit: &StoredAudit) -> String {
    let found = &audit.found;
    let parts = [
        (found.violations.len(), "violations"),
        (found.stuck.len(), "wait for a person"),
        (found.open.len(), "open"),
        (found.away.len(), "did not answer"),
    ];
    let some = parts.into_iter().filter(|(count, _)| *count > 0);
    let some: Vec<String> = some.map(|(count, what)| format!("{count} {what}")).collect();
    if some.is_empty() {
        "all holds, and everything is quiescent".to_owned()
    } else {
        some.join(", ")
    }
}

fn one_audit(audit: &StoredAudit, now: Timestamp) -> Markup {
    let found = &audit.found;
    let rows = i64::try_from(found.rows).unwrap_or(i64::MAX);
    let lists = [
        ("Violations", &found.violations),
        ("Go on only when a person acts", &found.stuck),
        ("Did not answer, so nothing is said of them", &found.away),
        ("Open, and why", &found.open),
        ("Not looked at", &found.unseen),
    ];
    html! {
        p.facts { span { (ago(audit.at, now)) " by " (audit.who) ", in " (span(audit.took)) } span { (grouped(rows)) " rows" } }
        @if found.violations.is_empty() {
            p.calm { span aria-hidden="true" { "✓ " } "No violations." }
        }
        @for (title, cases) in lists {
            @if !cases.is_empty() {
                section {
                    h2 { (title) " (" (cases.len()) ")" }
                    ul { @for case in cases.iter().take(MOST) { li dir="auto" { (linked(case)) } } }
                    @if cases.len() > MOST { p.quiet { "and " (cases.len() - MOST) " more: " code { "ballet audit" } " names all." } }
                }
            }
        }
        p.quiet { "Not judged: what must hold between the system's own tables." }
    }
}

/// Shows a sentence with links from ids to their sagas.
fn linked(case: &str) -> Markup {
    let word =
        |text: &str| text.trim_matches(|c: char| !c.is_ascii_alphanumeric()).parse::<Uuid>().ok();
    html! {
        @for part in case.split_inclusive(' ') {
            @match word(part) {
                Some(id) => a.id href={ "/sagas/" (id) } { (part) },
                None => (part),
            }
        }
    }
}
