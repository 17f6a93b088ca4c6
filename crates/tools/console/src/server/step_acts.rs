//! What a person has found out or done about one step of a saga: each form first shows what would be done.

use axum::Form;
use axum::extract::Path;
use ballet_ops::sagas::{AnsweredCall, SolvedStep};
use serde::Deserialize;
use uuid::Uuid;

use crate::actions::running_actions::ActionOutcome;
use crate::actions::steps::{GivenAnswer, GivenSolution, NamedStep};
use crate::pages::step_form as pages;
use crate::server::acts::{begin_and_show, deed_on_saga, not_blank};
use crate::server::visit::{Answer, Visit};
use crate::store::actions::ActionState;

const SOLVED: &str = "Solved by hand";
const ANSWER: &str = "Answer a call";

/// The fields of both forms.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StepForm {
    act: String,
    /// `service/step`.
    step: String,
    key: String,
    called_off: String,
    why: String,
    event: String,
    silent: String,
    answer: String,
    nothing_done: String,
}

impl StepForm {
    fn step(&self, saga: Uuid) -> NamedStep {
        let (service, step) = self.step.split_once('/').unwrap_or_default();
        NamedStep {
            service: service.to_owned(),
            saga,
            step: step.to_owned(),
            key: not_blank(&self.key),
            is_called_off: self.called_off == "yes",
        }
    }

    fn solution(&self, saga: Uuid) -> GivenSolution {
        GivenSolution {
            of: self.step(saga),
            event: not_blank(&self.event),
            is_silent: self.silent == "yes",
        }
    }

    fn answer(&self, saga: Uuid) -> GivenAnswer {
        GivenAnswer {
            of: self.step(saga),
            answer: not_blank(&self.answer),
            is_nothing_done: self.nothing_done == "yes",
        }
    }
}

pub(super) async fn solved_form(visit: Visit, Path(id): Path<Uuid>) -> Answer {
    let parts = &visit.site.context.contract_index.system().parts;
    visit.page("/sagas", SOLVED, &pages::solved(parts, &StepForm::default().solution(id), None))
}

pub(super) async fn solved(
    visit: Visit,
    Path(id): Path<Uuid>,
    Form(form): Form<StepForm>,
) -> Answer {
    let solution = form.solution(id);
    let context = &visit.site.context;
    if form.act != "solve" {
        let note = context.note(&visit.person.name, "a look");
        let checked = solution.solve(context, note, true).await;
        let parts = &context.contract_index.system().parts;
        return visit.page("/sagas", SOLVED, &pages::solved(parts, &solution, Some(&checked)));
    }
    let what = format!("{} of saga", solution.of.step);
    let deed = deed_on_saga("solves", id, &solution.of.service, &what);
    begin_and_show(&visit, &form.why, &deed, |context, note, _, _| async move {
        match solution.solve(&context, note, false).await {
            Ok(step) => marked(&solution.of.service, &step),
            Err(why) => ActionOutcome::failed(&format!("Nothing was changed: {why}")),
        }
    })
    .await
}

fn marked(service: &str, step: &SolvedStep) -> ActionOutcome {
    let done = format!("{} of {service} is marked as solved.", step.step);
    let mut ended = ActionOutcome::new(ActionState::Done, done);
    if step.event.is_some() {
        ended.say(&format!("{service} publishes its event within seconds."));
    }
    if !step.earlier.is_empty() {
        ended.say(&format!("{service} goes on with {}.", step.earlier.join(", ")));
    }
    if step.failed.is_some() {
        ended.say("The message that failed is done when it comes again, or is sent back.");
    }
    ended
}

pub(super) async fn answer_form(visit: Visit, Path(id): Path<Uuid>) -> Answer {
    let parts = &visit.site.context.contract_index.system().parts;
    visit.page("/sagas", ANSWER, &pages::answer(parts, &StepForm::default().answer(id), None))
}

pub(super) async fn answer(
    visit: Visit,
    Path(id): Path<Uuid>,
    Form(form): Form<StepForm>,
) -> Answer {
    let given = form.answer(id);
    let context = &visit.site.context;
    if form.act != "answer" {
        let note = context.note(&visit.person.name, "a look");
        let checked = given.give(context, note, true).await;
        let parts = &context.contract_index.system().parts;
        return visit.page("/sagas", ANSWER, &pages::answer(parts, &given, Some(&checked)));
    }
    let what = format!("the call of {} of saga", given.of.step);
    let deed = deed_on_saga("answers", id, &given.of.service, &what);
    begin_and_show(&visit, &form.why, &deed, |context, note, _, _| async move {
        match given.give(&context, note, false).await {
            Ok(AnsweredCall { step, then, .. }) => {
                let noted = format!("What became of the call of {step} is noted.");
                let mut ended = ActionOutcome::new(ActionState::Done, noted);
                ended.say(&format!(
                    "Within seconds {} {then}; if it cannot, the saga's page says why.",
                    given.of.service
                ));
                ended
            }
            Err(why) => ActionOutcome::failed(&format!("Nothing was changed: {why}")),
        }
    })
    .await
}
