//! Actions on a saga: stopping it, recording a step as solved by hand, retrying waiting work now.

use ballet_core::{Part, StepKind, System};
use ballet_ops::sagas::{SolvedStep, StoppableSaga, stoppable};
use maud::{Markup, html};
use uuid::Uuid;

use crate::actions::sagas::{GivenSolution, RetryScope, WaitCounts};
use crate::pages::forms::{CALLED_OFF, check, saga_crumb, token, why};
use crate::pages::layout::Person;
use crate::pages::saga_answer::calling_steps;

/// Links to the actions on an open saga.
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

/// Asks whether to stop it, and explains the consequences.
pub(crate) fn stop(id: Uuid, can: &[StoppableSaga], person: &Person) -> Markup {
    html! {
        (saga_crumb(id))
        h1 { "Stop a saga" }
        @if can.is_empty() { p { "No saga with this id has a deadline: it cannot be stopped." } }
        @for one in can {
            form.act method="post" action={ "/sagas/" (id) "/stop" } {
                (token(person))
                input type="hidden" name="name" value=(one.saga);
                p { "The deadline of " strong { (one.saga) } " passes now: " strong { (one.owner) } " aborts it, as it does after any deadline, and \
                    every service undoes its part. If it is decided first, the decision holds." }
                (why("Why is it stopped?"))
                button.danger type="submit" { "Stop " (one.saga) }
            }
        }
    }
}

/// Shows the work that a service retries later, and could retry now.
pub(crate) fn retry(retry: &RetryScope, waits: &WaitCounts, person: &Person) -> Markup {
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
        @if inbox { (retry_form(retry, "inbox", "Try messages and calls again now", person)) }
        @if outbox { (retry_form(retry, "outbox", "Publish its events again", person)) }
    }
}

fn retry_form(retry: &RetryScope, what: &str, says: &str, person: &Person) -> Markup {
    html! {
        form.act method="post" action=(retry.address()) {
            (token(person))
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

/// Shows the form for a compensation that was done by hand. `checked` is what would be done, or why not.
pub(crate) fn solved(
    parts: &[Part],
    asked: &GivenSolution,
    checked: Option<&Result<SolvedStep, String>>,
    person: &Person,
) -> Markup {
    let steps = parts.iter().flat_map(|part| {
        let steps = part.sagas.iter().flat_map(|saga| &saga.steps);
        let can = |kind: StepKind| {
            matches!(kind, StepKind::Compensatable | StepKind::Pivot | StepKind::Origin)
        };
        steps.filter(move |step| can(step.kind)).map(move |step| (part.service, step.name))
    });
    html! {
        (saga_crumb(asked.saga))
        h1 { "Solved by hand" }
        p { "First do, outside of the system, what the service cannot do. Then report it here: the ledger has the step as compensated, its \
            event is published, and the service goes on with its earlier steps. Its own rows stay as they are: correct them by hand, \
            too, where that matters." }
        @match checked {
            Some(Err(why)) => { div.outcome.failed role="alert" { p dir="auto" { "Nothing was changed: " (why) } } }
            Some(Ok(step)) => { (preview(asked, step, person)) }
            None => {}
        }
        form.act method="post" action={ "/sagas/" (asked.saga) "/solved" } {
            (token(person))
            label { "The step" select name="step" required {
                option value="" { "choose" }
                @for (service, step) in steps {
                    @let value = format!("{service}/{step}");
                    option value=(value) selected[service == asked.service && step == asked.step] { (service) " · " (step) }
                }
            } }
            label { "The key, if the step has run several times in the saga" input name="key" value=(asked.key.as_deref().unwrap_or_default()) autocomplete="off"; }
            label { "The body of the event to publish, if it cannot be made of the fields of the step's outcome"
                textarea name="event" rows="4" spellcheck="false" { (asked.event.as_deref().unwrap_or_default()) } }
            (check("silent", "Publish no event: the step publishes none in a case like this", asked.is_silent))
            (check("called_off", CALLED_OFF, asked.is_called_off))
            button type="submit" name="act" value="check" { "Look what would happen" }
        }
    }
}

fn preview(asked: &GivenSolution, step: &SolvedStep, person: &Person) -> Markup {
    html! {
        div.outcome.running role="status" {
            p { strong { (step.step) } " of " (asked.service) " would be marked as solved." }
            @if let Some((kind, body)) = &step.event { p dir="auto" { (asked.service) " would publish " code { (kind.name()) } } pre.body tabindex="0" { (body) } }
            @if !step.earlier.is_empty() { p { "It would go on with " (step.earlier.join(", ")) "." } }
            form.act method="post" action={ "/sagas/" (asked.saga) "/solved" } {
                (token(person))
                input type="hidden" name="step" value={ (asked.service) "/" (asked.step) };
                input type="hidden" name="key" value=(asked.key.as_deref().unwrap_or_default());
                textarea name="event" hidden readonly { (asked.event.as_deref().unwrap_or_default()) }
                @if asked.is_silent { input type="hidden" name="silent" value="yes"; }
                @if asked.is_called_off { input type="hidden" name="called_off" value="yes"; }
                (why("What was done instead, and why?"))
                button type="submit" name="act" value="solve" { "It is solved" }
            }
        }
    }
}
