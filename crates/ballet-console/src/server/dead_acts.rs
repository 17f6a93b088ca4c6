//! What is done with dead letters.

use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::{Extension, Form};
use ballet_check::validate::Validator;
use ballet_core::Incoming;
use ballet_core::json::syntax_in_words;
use ballet_ops::redrive::Filter;
use serde::Deserialize;
use serde_json::Value;

use crate::access::role::Sight;
use crate::actions::dead_letters::{Chosen, Sending};
use crate::pages::dead_actions::{self as pages, Edit};
use crate::pages::layout::Person;
use crate::pages::letter::Letter;
use crate::pages::meant::Meant;
use crate::pages::{body, dead_letters, edited};
use crate::server::acts::{Because, Deed, done, refused, shown};
use crate::server::dead::GONE;
use crate::server::site::{NO_SERVICE, Shared, Site};

fn chosen(meant: &Meant) -> Chosen {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let filter = Filter {
        reason: given(&meant.reason),
        step: given(&meant.step),
        event_type: given(&meant.event_type),
        detail: given(&meant.detail),
        ids: given(&meant.id).into_iter().collect(),
        ..Filter::default()
    };
    Chosen { service: meant.service.clone(), filter }
}

/// What would be done: nothing is changed.
pub(super) async fn plan(
    State(site): Shared,
    Extension(person): Extension<Person>,
    Query(meant): Query<Meant>,
) -> Response {
    if site.means.part(&meant.service).is_none() {
        return site.not_found(&person, NO_SERVICE);
    }
    let _turn = site.dead.turn().await;
    match chosen(&meant).plan(&site.means).await {
        Ok(plan) => {
            let content = pages::act(&meant, &plan, &person, site.clock.now());
            site.page(Some(&person), "/dead-letters", "Dead letters", &content)
        }
        Err(error) => refused(&site, &person, &error.to_string()),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Act {
    act: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    canary: String,
    #[serde(default)]
    beyond_memory: String,
    #[serde(default)]
    rate: String,
    #[serde(default)]
    sure: String,
    #[serde(flatten)]
    meant: Meant,
}

/// Sends dead letters back, or discards them.
pub(super) async fn act(
    State(site): Shared,
    Extension(person): Extension<Person>,
    Form(act): Form<Act>,
) -> Response {
    let Act { meant, why, .. } = &act;
    if site.means.part(&meant.service).is_none() {
        return site.not_found(&person, NO_SERVICE);
    }
    let (chosen, is_one) = (chosen(meant), !meant.id.is_empty());
    let deed = |name| Deed {
        act: name,
        what: meant.words(),
        service: Some(meant.service.clone()),
        saga: None,
        message: is_one.then(|| meant.id.clone()),
    };
    match &*act.act {
        "redrive" => {
            let rate = match act.rate.trim() {
                "" => None,
                text => match text.parse::<u32>() {
                    Ok(rate @ 1..=100_000) => Some(rate),
                    _ => return refused(&site, &person, "The rate is a number from 1 to 100,000."),
                },
            };
            let sending = Sending {
                has_canary: act.canary == "yes",
                rate,
                beyond_memory: act.beyond_memory == "yes",
            };
            done(&site, &person, why, &deed("sends back"), |means, note, stop, says| async move {
                chosen.redrive(&means, note, sending, stop, &says).await
            })
            .await
        }
        "discard" => {
            let plan = match chosen.plan(&site.means).await {
                Ok(plan) => plan,
                Err(error) => return refused(&site, &person, &error.to_string()),
            };
            let whole = plan.dead_letters();
            if act.sure.trim() != whole.to_string() {
                let text =
                    format!("There are {whole}, and {:?} was typed. Look at them again.", act.sure);
                return refused(&site, &person, &text);
            }
            done(&site, &person, why, &deed("discards"), |means, note, stop, says| async move {
                chosen.discard(&means, plan, note, stop, &says).await
            })
            .await
        }
        _ => refused(&site, &person, "The form says nothing that can be done."),
    }
}

/// The dead letter, if its body can be edited here.
async fn editable(
    site: &Site,
    person: &Person,
    service: &str,
    id: &str,
) -> Result<Letter, Response> {
    match site.dead.one(service, id).await {
        Ok(Some(letter)) if letter.body.len() < letter.size => Err(refused(
            site,
            person,
            &format!(
                "Its body is too long for a page: `ballet dlq edit {id} --body FILE` changes it."
            ),
        )),
        Ok(Some(letter)) => Ok(letter),
        Ok(None) => Err(site.not_found(person, GONE)),
        Err(error) => Err(refused(site, person, &error.to_string())),
    }
}

/// The old body, as this person may see it: what is about a person is masked.
fn old(site: &Site, letter: &Letter, person: &Person) -> String {
    let name = letter.event_type.as_deref().unwrap_or_default();
    let shown = body::text(&site.known, name, &letter.body, true, Sight::masked(person.role));
    let pretty = |text: String| {
        let value = serde_json::from_str::<Value>(&text).ok();
        value.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or(text)
    };
    shown.map(pretty).unwrap_or_default()
}

pub(super) async fn edit_form(
    State(site): Shared,
    Extension(person): Extension<Person>,
    Path((service, id)): Path<(String, String)>,
) -> Response {
    let letter = match editable(&site, &person, &service, &id).await {
        Ok(letter) => letter,
        Err(page) => return page,
    };
    let old = old(&site, &letter, &person);
    let edit = Edit { letter: &letter, old: &old, new: &old, faults: &[], is_checked: false };
    site.page(Some(&person), "/dead-letters", "Another body", &pages::edit(&edit, &person))
}

#[derive(Debug, Deserialize)]
pub(super) struct NewBody {
    act: String,
    body: String,
    #[serde(default)]
    why: String,
    /// What the person saw: [`Letter::seen`].
    #[serde(default)]
    seen: String,
}

/// Looks at a new body, or takes it.
pub(super) async fn edit(
    State(site): Shared,
    Extension(person): Extension<Person>,
    Path((service, id)): Path<(String, String)>,
    Form(given): Form<NewBody>,
) -> Response {
    let letter = match editable(&site, &person, &service, &id).await {
        Ok(letter) => letter,
        Err(page) => return page,
    };
    let seen = letter.seen.clone();
    if given.seen != seen.join(" ") {
        return refused(
            &site,
            &person,
            "It was edited or sent back by somebody else meanwhile. Look at it again.",
        );
    }
    let (faults, new, body) = match judged(&site, &letter, &given.body) {
        Ok((new, body)) => (Vec::new(), new, Some(body)),
        Err(faults) => (faults, given.body.clone(), None),
    };
    if let (Some(body), "edit") = (body, &*given.act) {
        let meant = Meant::one(&letter);
        let mut chosen = chosen(&meant);
        chosen.filter.seen = Some(seen);
        let deed = Deed {
            act: "edits",
            what: meant.words(),
            service: Some(service),
            saga: letter.saga_id(),
            message: Some(letter.id.clone()),
        };
        return done(&site, &person, &given.why, &deed, |means, note, stop, _| async move {
            chosen.edit(&means, note, body, stop).await
        })
        .await;
    }
    let old = old(&site, &letter, &person);
    let is_checked = faults.is_empty();
    let edit = Edit { letter: &letter, old: &old, new: &new, faults: &faults, is_checked };
    site.page(Some(&person), "/dead-letters", "Another body", &pages::edit(&edit, &person))
}

/// The new body laid out with its masks, and as it is sent. Otherwise what is wrong with it.
fn judged(site: &Site, letter: &Letter, given: &str) -> Result<(String, String), Vec<String>> {
    let one = |why: String| vec![why];
    let shown: Value = serde_json::from_str(given)
        .map_err(|error| one(format!("It is not JSON: {}", syntax_in_words(&error))))?;
    let mut sent = shown.clone();
    let before = serde_json::from_slice::<Value>(&letter.body).ok();
    let name = letter.event_type.as_deref().unwrap_or_default();
    let masked = before.as_ref().map(|before| body::masked(&site.known, name, before));
    edited::put_back(&mut sent, before.as_ref().zip(masked.as_ref()), "body").map_err(one)?;
    let body = sent.to_string();
    if let Some(event) = site.known.event(name) {
        let message = Incoming {
            event_type: Some(name),
            app_id: Some(event.service()),
            // Of an event of a saga the id is asked for, whatever it is.
            correlation_id: Some("00000000-0000-0000-0000-000000000000"),
            body: body.as_bytes(),
            ..Incoming::default()
        };
        let judged = Validator::new(site.known.contracts).judge(&message, site.clock.now());
        let faults: Vec<String> = judged.faults.into_iter().map(|fault| fault.detail).collect();
        if !faults.is_empty() {
            return Err(faults);
        }
    }
    Ok((serde_json::to_string_pretty(&shown).unwrap_or_default(), body))
}

/// The dead letter with what is about a person, once.
pub(super) async fn unmasked(
    State(site): Shared,
    Extension(person): Extension<Person>,
    Path((service, id)): Path<(String, String)>,
    Form(Because { why }): Form<Because>,
) -> Response {
    let letter = match site.dead.one(&service, &id).await {
        Ok(Some(letter)) => letter,
        Ok(None) => return site.not_found(&person, GONE),
        Err(error) => return refused(&site, &person, &error.to_string()),
    };
    let deed = Deed {
        act: "unmasks",
        what: format!("dead letter {id} of {service}"),
        service: Some(service),
        saga: letter.saga_id(),
        message: Some(id),
    };
    if let Err(page) = shown(&site, &person, &why, &deed).await {
        return page;
    }
    let sight = Sight { role: person.role, is_unmasked: true };
    let content = dead_letters::one(&site.known, &letter, &[], &person, sight, site.clock.now());
    site.page(Some(&person), "/dead-letters", "Dead letter", &content)
}
