//! A saga's actions: links, stopping, and retrying.

use ballet_core::System;
use ballet_ops::sagas::{StoppableSaga, stoppable};
use maud::{Markup, html};
use uuid::Uuid;

use crate::actions::sagas::{RetryScope, WaitCounts};
use crate::pages::forms::{saga_crumb, why};
use crate::pages::step_form::calling_steps;

pub(crate) fn links(system: &System, id: Uuid, names: &[String], services: &[&str]) -> Markup {
    let can_stop = stoppable(system).iter().any(|one| names.iter().any(|name| name == one.saga));
    html! {
        nav.acts aria-label="What you can do" {
            @for service in services {
                @let retry = RetryScope { service: (*service).to_owned(), saga: Some(id) };
                a.button href=(retry.address()) { "Try again in " (service) }
            }
            @if can_stop { a.button href={ "/sagas/" (id) "/stop" } { "Stop it" } }
            a.button href={ "/sagas/" (id) "/solved" } { "Solved by hand" }
            @if !calling_steps(&system.parts).is_empty() {
                a.button href={ "/sagas/" (id) "/answer" } { "Answer a call" }
            }
        }
    }
}

pub(crate) fn stop(id: Uuid, can: &[StoppableSaga]) -> Markup {
    html! {
        (saga_crumb(id))
        h1 { "Stop a saga" }
        @if can.is_empty() { p { "No saga with this id has a deadline: it cannot be stopped." } }
        @for one in can {
            form.act method="post" action={ "/sagas/" (id) "/stop" } {
                input type="hidden" name="name" value=(one.saga);
                p { "The deadline of " strong { (one.saga) } " passes now: " strong { (one.owner) } " aborts it, as it does after any deadline, and \
                    every service undoes its part. If it is decided first, the decision holds." }
                (why("Why is it stopped?"))
                button.danger type="submit" { "Stop " (one.saga) }
            }
        }
    }
}

/// Retried later, and perhaps now.
pub(crate) fn retry(retry: &RetryScope, waits: &WaitCounts) -> Markup {
    let RetryScope { service, saga } = retry;
    html! {
        @match saga {
            Some(saga) => (saga_crumb(*saga)),
            None => p.crumb { a href={ "/services#" (service) } { "Services" } " / " (service) },
        }
        h1 { "Try again in " (service) }
        dl {
            dt { "messages that wait" } dd dir="auto" { (known(&waits.messages)) }
            dt { "calls to the outside" } dd dir="auto" { (known(&waits.calls)) }
            dt { "events it could not publish" } dd dir="auto" { (known(&waits.events)) }
        }
        @let (inbox, outbox) = (some(&waits.messages) || some(&waits.calls), some(&waits.events));
        @if !inbox && !outbox {
            p { "Nothing " @if saga.is_some() { "of this saga " } "waits for a next attempt in " (service) "."
                " Dead letters have none: send them back from " a href="/dead-letters" { "their page" } "." }
        }
        @if inbox { (retry_form(retry, "inbox", "Try messages and calls again now")) }
        @if outbox { (retry_form(retry, "outbox", "Publish its events again")) }
    }
}

fn retry_form(retry: &RetryScope, what: &str, says: &str) -> Markup {
    html! {
        form.act method="post" action=(retry.address()) {
            (why("Why now?"))
            button type="submit" name="what" value=(what) { (says) }
        }
    }
}

fn known(count: &Result<u64, String>) -> String {
    count.as_ref().map_or_else(|why| format!("not known: {why}"), ToString::to_string)
}

fn some(count: &Result<u64, String>) -> bool {
    count.as_ref().is_ok_and(|count| *count > 0)
}
