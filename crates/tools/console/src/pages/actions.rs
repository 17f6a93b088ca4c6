//! Pages of the trail: persons' actions, and one's progress.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::pages::words::ago;
use crate::store::actions::{ActionState, RecordedAction};

pub(crate) fn actions(all: &[RecordedAction], now: Timestamp) -> Markup {
    html! {
        h1 { "Actions" }
        p.quiet { "What was done through this console: by whom, when and why, the last first. `ballet sagas show` also names what \
            was done with the command." }
        @if all.is_empty() {
            div.empty { p { "Nobody has done anything yet." }
                p.quiet { "Operators act on the pages of sagas and of dead letters." } }
        } @else { (list(all, now)) }
    }
}

pub(crate) fn list(all: &[RecordedAction], now: Timestamp) -> Markup {
    html! { ul.rows { @for one in all { li.row.{ "act-" (one.standing.as_str()) } {
        div.first dir="auto" { strong { (one.by) } " " a href={ "/actions/" (one.id) } { (one.act) } " " (one.what) }
        div.detail dir="auto" { (one.why) }
        @if !one.outcome.is_empty() { div.what dir="auto" { (one.outcome.lines().next().unwrap_or_default()) } }
        div.when { (standing(one)) " · " (ago(one.at, now)) }
    } } } }
}

pub(crate) fn standing(one: &RecordedAction) -> Markup {
    let sign = match one.standing {
        ActionState::Running => "→",
        ActionState::Done => "✓",
        ActionState::Partly => "◐",
        ActionState::Failed => "✗",
    };
    html! { span.act.(one.standing.as_str()) { span aria-hidden="true" { (sign) " " } (one.standing.as_str()) } }
}

/// Empty without any.
pub(crate) fn section(all: &[RecordedAction], now: Timestamp) -> Markup {
    html! { @if !all.is_empty() { section { h2 { "What was done to it here" } (list(all, now)) } } }
}

pub(crate) fn one(action: &RecordedAction, now: Timestamp) -> Markup {
    html! {
        p.crumb { a href="/actions" { "Actions" } }
        div #action data-live[action.standing == ActionState::Running] {
            (how(action, now))
        }
    }
}

/// The changing part of the action's page.
pub(crate) fn how(action: &RecordedAction, now: Timestamp) -> Markup {
    let goes_on = action.standing == ActionState::Running;
    html! {
        h1 dir="auto" { (standing(action)) " " (action.act) " " (action.what) }
        p.facts { span dir="auto" { "by " strong { (action.by) } } span { (ago(action.at, now)) } }
        p dir="auto" { span.quiet { "Because: " } (action.why) }
        div.outcome.(action.standing.as_str()) role="status" {
            @for line in action.outcome.lines() { p dir="auto" { (line) } }
            @if action.outcome.is_empty() && goes_on { p { "It begins." } }
            @if action.outcome.is_empty() && action.standing == ActionState::Failed {
                p { "The console that did it has ended. What it had done is done: look at what is left, and do that." }
            }
        }
        @if goes_on {
            form method="post" action={ "/actions/" (action.id) "/stop" } {
                button type="submit" { "Stop it" } " "
                a href={ "/actions/" (action.id) } { "look again" }
            }
        }
        ul.next {
            @if let Some(saga) = action.saga { li { a href={ "/sagas/" (saga) } { "the saga" } } }
            @if !goes_on { li { a href="/" { "what still hangs" } } }
            @if action.service.is_some() && !goes_on { li { a href="/dead-letters" { "the dead letters" } } }
        }
    }
}
