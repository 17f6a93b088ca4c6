//! Actions on dead letters.

use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use ballet_check::personal::MASK;
use ballet_check::validate::Validator;
use ballet_core::topology::UNROUTED;
use ballet_ops::redrive::{DeadLetterFilter, DeadLetterPlan};
use serde::Deserialize;
use serde_json::Value;

use crate::access::role::BodySight;
use crate::actions::dead_letters::ChosenLetters;
use crate::pages::dead_actions as pages;
use crate::pages::layout::Person;
use crate::pages::letter::Letter;
use crate::pages::letter_selection::LetterSelection;
use crate::pages::{body, dead_letters};
use crate::server::acts::{ReasonForm, begin_and_show, record_unmasking};
use crate::server::site::Site;
use crate::server::visit::{Answer, Visit};
use crate::store::actions::Deed;

const GONE: &str =
    "It is no dead letter any more: it was sent back or discarded, or another program reads it.";

fn chosen(meant: &LetterSelection) -> ChosenLetters {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let filter = DeadLetterFilter {
        reason: given(&meant.reason),
        cause: given(&meant.cause),
        group: given(&meant.group),
        ids: given(&meant.id).into_iter().collect(),
        ..DeadLetterFilter::default()
    };
    ChosenLetters { service: meant.service.clone(), filter }
}

/// Returns the plan for what is selected.
async fn planned(visit: &Visit, chosen: &ChosenLetters) -> Result<DeadLetterPlan, Response> {
    if chosen.service != UNROUTED {
        visit.service(&chosen.service)?;
    }
    let plan = chosen.plan(&visit.site.context).await;
    plan.map_err(|error| visit.refused(&error.to_string()))
}

/// Changes nothing.
pub(super) async fn plan(visit: Visit, Query(meant): Query<LetterSelection>) -> Answer {
    let now = visit.site.context.clock.now();
    let _turn = visit.site.dead.turn().await;
    let plan = planned(&visit, &chosen(&meant)).await?;
    let content = pages::act(&meant, &plan, now);
    visit.page("/dead-letters", "Dead letters", &content)
}

#[derive(Debug, Deserialize)]
pub(super) struct LettersForm {
    act: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    sure: String,
    #[serde(flatten)]
    meant: LetterSelection,
}

pub(super) async fn act(visit: Visit, Form(act): Form<LettersForm>) -> Answer {
    let LettersForm { meant, why, .. } = &act;
    let (chosen, is_one) = (chosen(meant), !meant.id.is_empty());
    let plan = planned(&visit, &chosen).await?;
    let whole = plan.dead_letters();
    if whole == 0 {
        return Err(visit.refused("None is like that any more: look at the actions."));
    }
    let what = meant.words(plan.groups().all().next().map(|(key, _)| key));
    let deed = |name| Deed {
        act: name,
        what,
        service: Some(meant.service.clone()),
        saga: None,
        message: is_one.then(|| meant.id.clone()),
    };
    match &*act.act {
        "redrive" => {
            begin_and_show(
                &visit,
                why,
                &deed("sends back"),
                |context, note, stop, says| async move {
                    chosen.redrive(&context, plan, note, stop, &says).await
                },
            )
            .await
        }
        "discard" => {
            if act.sure.trim() != whole.to_string() {
                let text =
                    format!("There are {whole}, and {:?} was typed. Look at them again.", act.sure);
                return Err(visit.refused(&text));
            }
            begin_and_show(&visit, why, &deed("discards"), |context, note, stop, says| async move {
                chosen.discard(&context, plan, note, stop, &says).await
            })
            .await
        }
        _ => Err(visit.refused("The form says nothing that can be done.")),
    }
}

/// Returns a dead letter, or the page that says why it is gone.
pub(super) async fn one(visit: &Visit, service: &str, id: &str) -> Result<Letter, Response> {
    let letter = visit.site.dead.one(&visit.site.context, service, id).await.map_err(|error| {
        visit.message(StatusCode::SERVICE_UNAVAILABLE, "No answer", &error.to_string())
    })?;
    letter.ok_or_else(|| visit.not_found(GONE))
}

async fn editable(visit: &Visit, service: &str, id: &str) -> Result<Letter, Response> {
    visit.service(service)?;
    let letter = one(visit, service, id).await?;
    if letter.body.len() < letter.size {
        let why = format!(
            "Its body is too long for a page: `ballet dlq edit {id} --body FILE` changes it."
        );
        return Err(visit.refused(&why));
    }
    Ok(letter)
}

/// Masked, as far as this person may see it.
fn old_text(site: &Site, letter: &Letter, person: &Person) -> String {
    let (name, sight) = (letter.event_name(), BodySight::masked(person.role));
    let shown = body::text(&site.context.contract_index, name, &letter.body, true, sight);
    let pretty = |text: String| {
        let value = serde_json::from_str::<Value>(&text).ok();
        value.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or(text)
    };
    shown.map(pretty).unwrap_or_default()
}

pub(super) async fn edit_form(visit: Visit, Path((service, id)): Path<(String, String)>) -> Answer {
    let letter = editable(&visit, &service, &id).await?;
    let old = old_text(&visit.site, &letter, &visit.person);
    visit.page("/dead-letters", "Another body", &pages::edit(&letter, &old, &[]))
}

#[derive(Debug, Deserialize)]
pub(super) struct EditForm {
    body: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    seen: String,
}

pub(super) async fn edit(
    visit: Visit,
    Path((service, id)): Path<(String, String)>,
    Form(given): Form<EditForm>,
) -> Answer {
    let letter = editable(&visit, &service, &id).await?;
    let seen = letter.seen.clone();
    if given.seen != seen.join(" ") {
        let why = "It was edited or sent back by somebody else meanwhile. Look at it again.";
        return Err(visit.refused(why));
    }
    let body = match check_body(&visit.site, &letter, &given.body) {
        Ok(body) => body,
        Err(faults) => {
            let content = pages::edit(&letter, &given.body, &faults);
            return visit.page("/dead-letters", "Another body", &content);
        }
    };
    let meant = LetterSelection::one(&letter);
    let mut chosen = chosen(&meant);
    chosen.filter.seen = Some(seen);
    let deed = Deed {
        act: "edits",
        what: meant.words(None),
        service: Some(service),
        saga: letter.saga_id(),
        message: Some(id),
    };
    begin_and_show(&visit, &given.why, &deed, |context, note, stop, _| async move {
        chosen.edit(&context, note, body, stop).await
    })
    .await
}

/// Returns it as it is sent, or its faults.
fn check_body(site: &Site, letter: &Letter, given: &str) -> Result<String, Vec<String>> {
    let one = |why: String| vec![why];
    let new: Value =
        serde_json::from_str(given).map_err(|error| one(format!("It is not JSON: {error}")))?;
    let body = new.to_string();
    // A contract that allows any text allows a mask, too.
    if body.contains(&Value::from(MASK).to_string()) {
        return Err(one("It has a mask: type the value in its place.".to_owned()));
    }
    if let Some(event) = site.context.contract_index.event(letter.event_name()) {
        let validator = Validator::new(site.context.contract_index.contracts);
        let faults = validator.body_faults(event, &body, site.context.clock.now());
        if !faults.is_empty() {
            return Err(faults);
        }
    }
    Ok(body)
}

/// Shows the dead letter with personal values, once.
pub(super) async fn unmasked(
    visit: Visit,
    Path((service, id)): Path<(String, String)>,
    Form(ReasonForm { why }): Form<ReasonForm>,
) -> Answer {
    let letter = one(&visit, &service, &id).await?;
    let deed = Deed {
        act: "unmasks",
        what: format!("dead letter {id} of {service}"),
        service: Some(service),
        saga: letter.saga_id(),
        message: Some(id),
    };
    record_unmasking(&visit, &why, &deed).await?;
    let Visit { site, person } = &visit;
    let sight = BodySight { role: person.role, is_unmasked: true };
    let content = dead_letters::one(
        &site.context.contract_index,
        &letter,
        &[],
        person,
        sight,
        site.context.clock.now(),
    );
    visit.page("/dead-letters", "Dead letter", &content)
}
