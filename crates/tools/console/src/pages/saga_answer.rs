//! The form for the outcome of a step's call to the outside.

use std::collections::BTreeSet;

use ballet_core::{Part, Runs};
use ballet_ops::sagas::AnsweredCall;
use maud::{Markup, html};

use crate::actions::answers::GivenAnswer;
use crate::pages::forms::{CALLED_OFF, check, saga_crumb, token, why};
use crate::pages::layout::Person;

/// Returns the steps that call outside, each with its service. A step of several versions of a saga appears once.
pub(crate) fn calling_steps(parts: &[Part]) -> BTreeSet<(&'static str, &'static str)> {
    let steps = parts.iter().flat_map(|part| {
        let steps = part.sagas.iter().flat_map(|saga| &saga.steps);
        let calls = steps.filter(|step| step.runs == Runs::CallsOutside);
        calls.map(move |step| (part.service, step.name))
    });
    steps.collect()
}

/// Shows the form. `checked` is what would be done, or why not.
pub(crate) fn answer(
    parts: &[Part],
    asked: &GivenAnswer,
    checked: Option<&Result<AnsweredCall, String>>,
    person: &Person,
) -> Markup {
    let GivenAnswer { service, saga, step, key, answer, is_nothing_done, is_called_off } = asked;
    html! {
        (saga_crumb(*saga))
        h1 { "Answer a call" }
        p { "This is about a step's own call to the outside, which waits for a person or fails. Ask the other side first. Then report \
            here how the call ended: the service treats the answer as if the other side had given it, even if the saga was aborted \
            meanwhile. If nothing was done, it makes the call as if it were new, or ends it if the saga is aborted." }
        @match checked {
            Some(Err(why)) => { div.outcome.failed role="alert" { p dir="auto" { "Nothing was changed: " (why) } } }
            Some(Ok(call)) => { (would(asked, call, person)) }
            None => {}
        }
        form.act method="post" action={ "/sagas/" (saga) "/answer" } {
            (token(person))
            label { "The step" select name="step" required {
                option value="" { "choose" }
                @for (of, name) in calling_steps(parts) {
                    @let value = format!("{of}/{name}");
                    option value=(value) selected[of == service && name == step] { (of) " · " (name) }
                }
            } }
            label { "The key, if the step has run several times in the saga" input name="key" value=(key.as_deref().unwrap_or_default()) autocomplete="off"; }
            label { "The other side's answer to the step's call, as JSON, even if it is a \"no\""
                textarea name="answer" rows="4" spellcheck="false" { (answer.as_deref().unwrap_or_default()) } }
            (check("nothing_done", "The other side has done nothing for the step's call, and nothing is under way", *is_nothing_done))
            (check("called_off", CALLED_OFF, *is_called_off))
            button type="submit" name="act" value="check" { "Look what would happen" }
        }
    }
}

fn would(asked: &GivenAnswer, call: &AnsweredCall, person: &Person) -> Markup {
    let GivenAnswer { service, saga, step, key, answer, is_nothing_done, is_called_off } = asked;
    html! {
        div.outcome.running role="status" {
            p { (service) " would do this with " strong { (call.step) } ": it " (call.then) "." }
            form.act method="post" action={ "/sagas/" (saga) "/answer" } {
                (token(person))
                input type="hidden" name="step" value={ (service) "/" (step) };
                input type="hidden" name="key" value=(key.as_deref().unwrap_or_default());
                textarea name="answer" hidden readonly { (answer.as_deref().unwrap_or_default()) }
                @if *is_nothing_done { input type="hidden" name="nothing_done" value="yes"; }
                @if *is_called_off { input type="hidden" name="called_off" value="yes"; }
                (why("How is that known?"))
                button type="submit" name="act" value="answer" { "That became of it" }
            }
        }
    }
}
