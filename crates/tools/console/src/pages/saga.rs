//! One saga: its state with the reason, path, history, and dead letters.

use ballet_ops::sagas::journal::{JournalSaga, PathStep, StepStanding, path as path_of};
use ballet_ops::sagas::{SagaDetails, SagaState, SagaWait};
use ballet_ops::words::grouped;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::abort_reason::{AbortReason, DEADLINE};
use crate::access::role::BodySight;
use crate::contract_index::ContractIndex;
use crate::observer::system_findings::SystemFindings;
use crate::pages::forms::why;
use crate::pages::layout::Person;
use crate::pages::timeline::timeline;
use crate::pages::words::{ago, exact, since, span, state};
use crate::pages::{actions as trail, body, saga_actions, violations};
use crate::store::actions::RecordedAction;
use crate::store::entry_row::EntryRow;
use crate::store::judgements::MOST;
use crate::store::saga_entries::EDGE;
use crate::store::saga_row::SagaRow;
use crate::store::violations::FoundViolation;

pub(crate) struct SagaPage<'a> {
    pub(crate) contract_index: &'a ContractIndex,
    pub(crate) found: &'a SagaRow,
    /// Without bodies. If too many to judge, one more than the limit.
    pub(crate) all: &'a [EntryRow],
    /// The shown first and last ones.
    pub(crate) rows: &'a [EntryRow],
    pub(crate) keys: &'a [(String, String)],
    pub(crate) violations: &'a [FoundViolation],
    pub(crate) judged: &'a JournalSaga<'a>,
    /// The services' databases now, if known.
    pub(crate) live: Option<&'a SagaDetails>,
    pub(crate) system: &'a SystemFindings,
    pub(crate) sight: BodySight,
    pub(crate) person: &'a Person,
    pub(crate) actions: &'a [RecordedAction],
    pub(crate) now: Timestamp,
}

pub(crate) fn saga(seen: &SagaPage<'_>) -> Markup {
    let SagaPage {
        contract_index,
        found,
        all,
        rows,
        keys,
        judged,
        sight,
        now,
        person,
        actions,
        ..
    } = seen;
    let count = match all.len() {
        count @ ..=MOST => grouped(count),
        _ => format!("more than {}", grouped(MOST)),
    };
    html! {
        p.crumb { a href="/sagas" { "Sagas" } }
        h1 { (state(found.state)) " " span.id { (found.id) } }
        p.facts {
            span { (found.names.join(", ")) }
            @for (name, value) in *keys { span dir="auto" { span.quiet { (name) " " } a href={ "/sagas?q=" (crate::pages::words::encoded(value)) } { (value) } } }
            span { "began " (ago(found.began, *now)) }
            span { (count) " entries" @if all.len() > 1 { " in " (span(found.last_at.duration_since(found.began))) } }
        }
        @if all.len() > MOST {
            p.trouble { "It is judged by " (grouped(MOST)) " of them. Look at what it repeats." }
        }
        (waits(seen))
        (aborted(seen))
        (violations::of_saga(seen.violations, rows, *now))
        @if person.is_operator() && found.state.is_open() { (saga_actions::links(contract_index.system(), found.id, &found.names, &next(seen))) }
        @for name in &judged.names {
            section {
                h2 { "The path of " (name) }
                (path(&path_of(judged, name), *now))
            }
        }
        section {
            h2 { "What happened" }
            @if all.len() > rows.len() {
                p.quiet { "The first " (grouped(EDGE)) " and the last " (grouped(EDGE)) " of " (count) " entries." }
            }
            (timeline(contract_index, rows, *sight))
            @if person.is_operator() && !sight.is_unmasked { (unmask(&format!("/sagas/{}/unmasked", found.id))) }
        }
        (trail::section(actions, *now))
    }
}

fn next<'a>(seen: &'a SagaPage<'_>) -> Vec<&'a str> {
    let from_journal = seen.judged.waits.iter().map(|wait| &*wait.service);
    let live = seen.live.iter().flat_map(|live| &live.waits).map(|wait| &*wait.service);
    let mut all: Vec<&str> = from_journal.chain(live).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// It reveals personal values once.
pub(crate) fn unmask(address: &str) -> Markup {
    html! {
        details {
            summary { "Show what is about a person" }
            form.act method="post" action=(address) {
                (why("Why do you have to see it?"))
                p.quiet { "It is shown once. Who saw it, when and why is in the trail." }
                button type="submit" { "Show it" }
            }
        }
    }
}

fn waits(seen: &SagaPage<'_>) -> Markup {
    let from_journal: Vec<&SagaWait> = seen.judged.waits.iter().collect();
    let live: Option<Vec<&SagaWait>> = seen.live.map(|live| live.waits.iter().collect());
    let deadline = seen.live.and_then(|live| live.deadline).or(seen.judged.deadline);
    let shown = live.as_ref().unwrap_or(&from_journal);
    html! {
        @if !shown.is_empty() {
            section.waits.(seen.found.state.as_str()) {
                h2 { "It waits" }
                ul {
                    @for wait in shown { li {
                        p { strong { (wait.service) } " " (wait.what) ", for " (since(wait.since, seen.now)) "." }
                        @if let Some(why) = &wait.why { p.detail dir="auto" { (why) } }
                        p.quiet { (advice(wait, seen)) }
                    } }
                }
                @if let Some(at) = deadline {
                    p.quiet { "Its deadline " @if at > seen.now { "is in " (span(at.duration_since(seen.now))) } @else { "passed " (ago(at, seen.now)) } ": " (exact(at)) "." }
                }
            }
        } @else if seen.live.is_some() && !from_journal.is_empty() {
            p.quiet { "The services have nothing left to do for it; the journal does not show that yet." }
        }
        @if let Some(live) = seen.live {
            @for away in &live.away { p.quiet dir="auto" { "Not asked: " (away) } }
        }
    }
}

/// What a person can do.
fn advice(wait: &SagaWait, seen: &SagaPage<'_>) -> Markup {
    let (now, service) = (seen.now, &wait.service);
    let hindrance = seen.system.hindrances.iter().find(|one| one.hinders(service, wait.step));
    html! {
        @if let Some(one) = hindrance.filter(|_| !wait.is_dead) {
            (one.service) ": " (one.why) ". It goes on when that is over: " a href={ "/services#" (service) } { "look at " (service) } "."
        } @else if wait.is_dead {
            "It is a dead letter. When its cause is mended, send it back from " a href=(letter(wait, seen)) { "its page" } ", or with "
            code { "ballet dlq redrive --service " (wait.service) } "."
        } @else if let Some(at) = wait.next_at {
            "It is tried again in " (span(at.duration_since(now))) "."
        } @else if wait.is_silent {
            "Start a process of " (wait.service) ": the saga then goes on by itself."
        } @else {
            "Nothing is known to hinder it. If it stays: " code { "ballet sagas stuck" } " and " code { "ballet doctor" }
        }
    }
}

fn letter(wait: &SagaWait, seen: &SagaPage<'_>) -> String {
    let is_it = |row: &&EntryRow| {
        row.is_dead()
            && row.service == wait.service
            && wait.event_type.as_ref() == Some(&row.event_type)
    };
    let id =
        seen.all.iter().rev().find(is_it).map(|row| format!("/{}/{}", row.service, row.message_id));
    format!("/dead-letters{}", id.unwrap_or_default())
}

fn path(steps: &[PathStep], now: Timestamp) -> Markup {
    html! {
        ol.path {
            @for step in steps {
                @let (class, sign, says) = standing(step.standing);
                li.(class) {
                    span.sign aria-hidden="true" { (sign) }
                    div {
                        p { strong { code { (step.step) } } " " (step.service) }
                        p {
                            (says)
                            @if step.times > 1 { ", " (step.times) " times" }
                            @if let Some(at) = step.at { @if step.standing == StepStanding::Expected { " for " (since(at, now)) } @else { " " (ago(at, now)) } }
                            @if let Some(name) = &step.event { " · " (name.split('.').nth(1).unwrap_or(name)) }
                            " · " (step.kind.as_str())
                        }
                    }
                }
            }
        }
    }
}

const fn standing(standing: StepStanding) -> (&'static str, &'static str, &'static str) {
    match standing {
        StepStanding::Done => ("done", "✓", "done"),
        StepStanding::Refused => ("refused", "✗", "refused"),
        StepStanding::Undoing => ("undoing", "↩", "to be undone"),
        StepStanding::Undone => ("undone", "↩", "undone"),
        StepStanding::Expected => ("expected", "→", "expected next,"),
        StepStanding::Later => ("later", "·", "later"),
        StepStanding::NotTaken => ("not-taken", "–", "not taken"),
    }
}

/// The refusing step or another cause, and who stopped it.
fn aborted(seen: &SagaPage<'_>) -> Markup {
    let is_aborted = seen.found.state == SagaState::Aborted;
    let reason =
        is_aborted.then(|| AbortReason::of(seen.contract_index.system(), seen.all)).flatten();
    let Some(AbortReason { row, step, what }) = reason else { return html! {} };
    // Those that are shown have their bodies.
    let shown = seen.rows.iter().find(|one| (one.place, one.member) == (row.place, row.member));
    let stopped = seen.live.filter(|_| what == DEADLINE).into_iter().flat_map(|live| &live.stopped);
    html! {
        section.waits.aborted {
            h2 { "Why it was aborted" }
            p { strong { (row.service) } " " (what) @if let Some(step) = step { " " code { (step) } } ", " (ago(row.at, seen.now)) "."
                @if shown.is_some() { " " a href={ "#" (row.anchor()) } { "in the time line" } } }
            @if let Some(row) = shown.filter(|row| !row.body.is_empty()) { (body::of_row(seen.contract_index, row, seen.sight)) }
            @if let Some((who, why)) = row.who.as_ref().zip(row.why.as_ref()) { p.detail dir="auto" { (who) ": " (why) } }
            @for one in stopped { p.detail dir="auto" { (one.by) " has stopped it: " (one.why) } }
        }
    }
}
