//! A person's findings or acts on a step: each form first shows what would be done.

use axum::Form;
use axum::extract::Path;
use ballet_ops::sagas::{AnsweredCall, SolvedStep};
use uuid::Uuid;

use crate::actions::running_actions::ActionOutcome;
use crate::actions::steps::StepReport;
use crate::pages::step_form as pages;
use crate::server::acts::{begin_and_show, deed_on_saga};
use crate::server::visit::{Answer, Visit};
use crate::store::actions::ActionState;

const SOLVED: &str = "Solved by hand";
const ANSWER: &str = "Answer a call";

pub(super) async fn solved_form(visit: Visit, Path(id): Path<Uuid>) -> Answer {
    let parts = &visit.site.context.contract_index.system().parts;
    visit.page("/sagas", SOLVED, &pages::solved(parts, id, &StepReport::default(), None))
}

pub(super) async fn solved(
    visit: Visit,
    Path(id): Path<Uuid>,
    Form(report): Form<StepReport>,
) -> Answer {
    let context = &visit.site.context;
    if report.act != "solve" {
        let note = context.note(&visit.person.name, "a look");
        let checked = report.solve(context, id, note, true).await;
        let parts = &context.contract_index.system().parts;
        return visit.page("/sagas", SOLVED, &pages::solved(parts, id, &report, Some(&checked)));
    }
    let (service, step) = report.names();
    let deed = deed_on_saga("solves", id, service, &format!("{step} of saga"));
    let why = report.why.clone();
    begin_and_show(&visit, &why, &deed, |context, note, _, _| async move {
        match report.solve(&context, id, note, false).await {
            Ok(step) => marked(report.names().0, &step),
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
    visit.page("/sagas", ANSWER, &pages::answer(parts, id, &StepReport::default(), None))
}

pub(super) async fn answer(
    visit: Visit,
    Path(id): Path<Uuid>,
    Form(report): Form<StepReport>,
) -> Answer {
    let context = &visit.site.context;
    if report.act != "answer" {
        let note = context.note(&visit.person.name, "a look");
        let checked = report.answer(context, id, note, true).await;
        let parts = &context.contract_index.system().parts;
        return visit.page("/sagas", ANSWER, &pages::answer(parts, id, &report, Some(&checked)));
    }
    let (service, step) = report.names();
    let deed = deed_on_saga("answers", id, service, &format!("the call of {step} of saga"));
    let why = report.why.clone();
    begin_and_show(&visit, &why, &deed, |context, note, _, _| async move {
        match report.answer(&context, id, note, false).await {
            Ok(AnsweredCall { step, then, .. }) => {
                let noted = format!("What became of the call of {step} is noted.");
                let mut ended = ActionOutcome::new(ActionState::Done, noted);
                ended.say(&format!(
                    "Within seconds {} {then}; if it cannot, the saga's page says why.",
                    report.names().0
                ));
                ended
            }
            Err(why) => ActionOutcome::failed(&format!("Nothing was changed: {why}")),
        }
    })
    .await
}
