//! A person says what became of a step's call to the outside.

use axum::Form;
use axum::extract::Path;
use ballet_ops::sagas::AnsweredCall;
use serde::Deserialize;
use uuid::Uuid;

use crate::actions::answers::GivenAnswer;
use crate::actions::running::Ended;
use crate::pages::saga_answer as pages;
use crate::server::acts::done;
use crate::server::sagas_acts::deed;
use crate::server::visit::{Answer, Visit};
use crate::store::actions::Standing;

const TITLE: &str = "Answer a call";

#[derive(Debug, Default, Deserialize)]
pub(super) struct OfCall {
    #[serde(default)]
    act: String,
    /// `service/step`.
    #[serde(default)]
    step: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    nothing_done: String,
    #[serde(default)]
    called_off: String,
    #[serde(default)]
    why: String,
}

impl OfCall {
    fn given(&self, saga: Uuid) -> GivenAnswer {
        let given = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let (service, step) = self.step.split_once('/').unwrap_or_default();
        GivenAnswer {
            service: service.to_owned(),
            saga,
            step: step.to_owned(),
            key: given(&self.key),
            answer: given(&self.answer),
            is_nothing_done: self.nothing_done == "yes",
            is_called_off: self.called_off == "yes",
        }
    }
}

pub(super) async fn form(visit: Visit, Path(id): Path<Uuid>) -> Answer {
    let given = OfCall::default().given(id);
    let content = pages::answer(&visit.site.known.system().parts, &given, None, &visit.person);
    visit.page("/sagas", TITLE, &content)
}

/// Says what would be done, or does it.
pub(super) async fn answer(visit: Visit, Path(id): Path<Uuid>, Form(form): Form<OfCall>) -> Answer {
    let given = form.given(id);
    if form.act != "answer" {
        let note = visit.site.means.note(&visit.person.name, "a look");
        let checked = given.give(&visit.site.means, note, true).await;
        let parts = &visit.site.known.system().parts;
        let content = pages::answer(parts, &given, Some(&checked), &visit.person);
        return visit.page("/sagas", TITLE, &content);
    }
    let what = format!("the call of {} of saga", given.step);
    let deed = deed("answers", id, &given.service, &what);
    done(&visit, &form.why, &deed, |means, note, _, _| async move {
        match given.give(&means, note, false).await {
            Ok(AnsweredCall { step, then, .. }) => {
                let service = &given.service;
                let noted = format!("What became of the call of {step} is noted.");
                let mut ended = Ended::new(Standing::Done, noted);
                ended.say(&format!(
                    "Within seconds {service} {then}; if it cannot, the saga's page says why."
                ));
                ended
            }
            Err(why) => Ended::failed(&format!("Nothing was changed: {why}")),
        }
    })
    .await
}
