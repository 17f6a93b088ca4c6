//! Forms on a saga's step: solved by hand, or how its call ended.

use std::collections::BTreeSet;

use ballet_core::{Part, Runs, StepKind, StepPart};
use ballet_ops::sagas::{AnsweredCall, SolvedStep};
use maud::{Markup, html};
use uuid::Uuid;

use crate::actions::steps::{StepReport, is_checked};
use crate::pages::forms::{check, saga_crumb, why};

/// Names of steps, each with its service. A step of several versions of a saga appears once.
type StepNames = BTreeSet<(&'static str, &'static str)>;

struct StepForm<'a> {
    saga: Uuid,
    report: &'a StepReport,
    title: &'a str,
    about: &'a str,
    /// The last part of its address.
    at: &'a str,
    steps: StepNames,
    /// Its field's name, label, and what was typed.
    text: (&'a str, &'a str, &'a str),
    /// What may be said in place of the text: the field's name, its label, and what was typed.
    flag: (&'a str, &'a str, &'a str),
    /// The question for the reason, and the button's value and label.
    question: &'a str,
    does: (&'a str, &'a str),
}

impl StepForm<'_> {
    fn address(&self) -> String {
        format!("/sagas/{}/{}", self.saga, self.at)
    }

    /// `checked` is what would be done, or why not.
    fn shown(&self, checked: Option<Result<Markup, &String>>) -> Markup {
        let Self { report, steps, .. } = self;
        let ((text, label, typed), (flag, says, is_on)) = (self.text, self.flag);
        let (does, button) = self.does;
        html! {
            (saga_crumb(self.saga))
            h1 { (self.title) }
            p { (self.about) }
            @if let Some(Err(why)) = checked {
                div.outcome.failed role="alert" { p dir="auto" { "Nothing was changed: " (why) } }
            }
            form.act method="post" action=(self.address()) {
                label { "The step" select name="step" required {
                    option value="" { "choose" }
                    @for (service, step) in steps {
                        option value={ (service) "/" (step) } selected[(*service, *step) == report.names()] { (service) " · " (step) }
                    }
                } }
                label { "The key, if the step has run several times in the saga" input name="key" value=(report.key) autocomplete="off"; }
                label { (label) textarea name=(text) rows="4" spellcheck="false" { (typed) } }
                (check(flag, says, is_checked(is_on)))
                (check("called_off", "The other side has confirmed that it will not carry out the request that it has taken", is_checked(&report.called_off)))
                button type="submit" name="act" value="check" formnovalidate { "Look what would happen" }
                @if let Some(Ok(would)) = checked {
                    div.outcome.running role="status" { (would) }
                    (why(self.question))
                    button type="submit" name="act" value=(does) { (button) }
                }
            }
        }
    }
}

fn steps(parts: &[Part], is_it: fn(&StepPart) -> bool) -> StepNames {
    let steps = parts.iter().flat_map(|part| {
        let steps = part.sagas.iter().flat_map(|saga| &saga.steps);
        steps.filter(move |step| is_it(step)).map(move |step| (part.service, step.name))
    });
    steps.collect()
}

pub(crate) fn calling_steps(parts: &[Part]) -> StepNames {
    steps(parts, |step| step.runs == Runs::CallsOutside)
}

/// `checked` is what would be done, or why not.
pub(crate) fn solved(
    parts: &[Part],
    saga: Uuid,
    report: &StepReport,
    checked: Option<&Result<SolvedStep, String>>,
) -> Markup {
    let form = StepForm {
        saga,
        report,
        title: "Solved by hand",
        about: "First do, outside of the system, what the service cannot do. Then report it here: the ledger has the step as compensated, its \
            event is published, and the service goes on with its earlier steps. Its own rows stay as they are: correct them by hand, \
            too, where that matters.",
        at: "solved",
        steps: steps(parts, |step| {
            matches!(step.kind, StepKind::Compensatable | StepKind::Pivot | StepKind::Origin)
        }),
        text: (
            "event",
            "The body of the event to publish, if it cannot be made of the fields of the step's outcome",
            &report.event,
        ),
        flag: (
            "silent",
            "Publish no event: the step publishes none in a case like this",
            &report.silent,
        ),
        question: "What was done instead, and why?",
        does: ("solve", "It is solved"),
    };
    let (service, _) = report.names();
    let would = |step: &SolvedStep| {
        html! {
            p { strong { (step.step) } " of " (service) " would be marked as solved." }
            @if let Some((kind, body)) = &step.event { p dir="auto" { (service) " would publish " code { (kind.name()) } } pre.body tabindex="0" { (body) } }
            @if !step.earlier.is_empty() { p { "It would go on with " (step.earlier.join(", ")) "." } }
        }
    };
    form.shown(checked.map(|checked| checked.as_ref().map(would)))
}

/// `checked` is what would be done, or why not.
pub(crate) fn answer(
    parts: &[Part],
    saga: Uuid,
    report: &StepReport,
    checked: Option<&Result<AnsweredCall, String>>,
) -> Markup {
    let form = StepForm {
        saga,
        report,
        title: "Answer a call",
        about: "This is about a step's own call to the outside, which waits for a person or fails. Ask the other side first. Then report \
            here how the call ended: the service treats the answer as if the other side had given it, even if the saga was aborted \
            meanwhile. If nothing was done, it makes the call as if it were new, or ends it if the saga is aborted.",
        at: "answer",
        steps: calling_steps(parts),
        text: (
            "answer",
            "The other side's answer to the step's call, as JSON, even if it is a \"no\"",
            &report.answer,
        ),
        flag: (
            "nothing_done",
            "The other side has done nothing for the step's call, and nothing is under way",
            &report.nothing_done,
        ),
        question: "How is that known?",
        does: ("answer", "That became of it"),
    };
    let would = |call: &AnsweredCall| {
        html! {
            p { (report.names().0) " would do this with " strong { (call.step) } ": it " (call.then) "." }
        }
    };
    form.shown(checked.map(|checked| checked.as_ref().map(would)))
}
