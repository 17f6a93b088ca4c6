//! Records a person's statement on a step's call to the outside.

use axum::Form;
use axum::extract::Path;
use ballet_ops::sagas::AnsweredCall;
use serde::Deserialize;
use uuid::Uuid;

use crate::actions::answers::GivenAnswer;
use crate::actions::running_actions::ActionOutcome;
use crate::pages::saga_answer as pages;
use crate::server::acts::{begin_and_show, not_blank};
use crate::server::saga_acts::{StepForm, deed};
use crate::server::visit::{Answer, Visit};
use crate::store::actions::ActionState;

const TITLE: &str = "Answer a call";

#[derive(Debug, Default, Deserialize)]
pub(super) struct AnswerForm {
    #[serde(flatten)]
    of: StepForm,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    nothing_done: String,
}

impl AnswerForm {
    fn given(&self, saga: Uuid) -> GivenAnswer {
        let (service, step) = self.of.names();
        GivenAnswer {
            service,
            saga,
            step,
            key: self.of.key(),
            answer: not_blank(&self.answer),
            is_nothing_done: self.nothing_done == "yes",
            is_called_off: self.of.is_called_off(),
        }
    }
}

pub(super) async fn form(visit: Visit, Path(id): Path<Uuid>) -> Answer {
    let given = AnswerForm::default().given(id);
    let content =
        pages::answer(&visit.site.contract_index.system().parts, &given, None, &visit.person);
    visit.page("/sagas", TITLE, &content)
}

/// Shows what would be done, or does it.
pub(super) async fn answer(
    visit: Visit,
    Path(id): Path<Uuid>,
    Form(form): Form<AnswerForm>,
) -> Answer {
    let given = form.given(id);
    if form.of.act != "answer" {
        let note = visit.site.context.note(&visit.person.name, "a look");
        let checked = given.give(&visit.site.context, note, true).await;
        let parts = &visit.site.contract_index.system().parts;
        let content = pages::answer(parts, &given, Some(&checked), &visit.person);
        return visit.page("/sagas", TITLE, &content);
    }
    let what = format!("the call of {} of saga", given.step);
    let deed = deed("answers", id, &given.service, &what);
    begin_and_show(&visit, &form.of.why, &deed, |context, note, _, _| async move {
        match given.give(&context, note, false).await {
            Ok(AnsweredCall { step, then, .. }) => {
                let service = &given.service;
                let noted = format!("What became of the call of {step} is noted.");
                let mut ended = ActionOutcome::new(ActionState::Done, noted);
                ended.say(&format!(
                    "Within seconds {service} {then}; if it cannot, the saga's page says why."
                ));
                ended
            }
            Err(why) => ActionOutcome::failed(&format!("Nothing was changed: {why}")),
        }
    })
    .await
}
