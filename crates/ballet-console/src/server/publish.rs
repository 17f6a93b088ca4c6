//! Publishes an event from a form, with the functions of `ballet publish`.

use std::sync::Arc;

use axum::Form;
use axum::extract::Path;
use ballet_check::validate::Validator;
use ballet_core::Incoming;
use ballet_ops::publish::{MessageDefaults, MessageOutcome, OutgoingMessage, outgoing, send};
use uuid::Uuid;

use crate::actions::running_actions::ActionOutcome;
use crate::pages::publish::{self as pages, AcceptedMessage, TypedEvent};
use crate::server::acts::{Deed, begin_and_show, not_blank};
use crate::server::site::Site;
use crate::server::visit::{Answer, Visit};
use crate::store::actions::ActionState;

pub(super) async fn form(visit: Visit, Path(name): Path<String>) -> Answer {
    let listed = visit.event(&name)?;
    let typed = TypedEvent { body: pages::example(&listed.schema), ..TypedEvent::default() };
    let content = pages::publish(
        visit.site.contract_index.system().name,
        listed,
        &typed,
        None,
        &visit.person,
    );
    visit.page("/events", "Publish", &content)
}

/// Checks the typed event, or publishes it.
pub(super) async fn publish(
    visit: Visit,
    Path(name): Path<String>,
    Form(typed): Form<TypedEvent>,
) -> Answer {
    let listed = visit.event(&name)?;
    let judged = completed(&visit.site, &name, &typed);
    match (judged, &*typed.act) {
        (Ok(message), "publish") => published(&visit, &name, &typed, message).await,
        (judged, _) => {
            let accepted = judged.map(|message| {
                let OutgoingMessage { message_id, saga, .. } = message;
                AcceptedMessage { message_id, saga }
            });
            let system = visit.site.contract_index.system().name;
            let content = pages::publish(system, listed, &typed, Some(&accepted), &visit.person);
            visit.page("/events", "Publish", &content)
        }
    }
}

fn completed(site: &Site, name: &str, typed: &TypedEvent) -> Result<OutgoingMessage, Vec<String>> {
    let validator = Validator::new(site.contract_index.contracts);
    let body = typed.body.trim();
    let given = Incoming { event_type: Some(name), body: body.as_bytes(), ..Incoming::default() };
    let (saga, app_id) = (not_blank(&typed.saga), not_blank(&typed.app_id));
    let defaults = MessageDefaults { saga: saga.as_deref(), app_id: app_id.as_deref() };
    outgoing(given, None, defaults, &validator, &site.clock)
}

async fn published(
    visit: &Visit,
    name: &str,
    typed: &TypedEvent,
    message: OutgoingMessage,
) -> Answer {
    let Some(publisher) = visit.site.context.publisher.as_ref().map(Arc::clone) else {
        return Err(visit.refused("This console has no user of the broker who may publish."));
    };
    let deed = Deed {
        act: "publishes",
        what: format!("{name} as {}", typed.app_id),
        service: None,
        saga: message.saga.as_deref().and_then(|saga| Uuid::try_parse(saga).ok()),
        message: Some(message.message_id.clone()),
    };
    begin_and_show(visit, &typed.why, &deed, |_, _, _, _| async move {
        let id = message.message_id;
        match send(publisher, vec![message.publish], &|_| {}).await {
            Ok(sent) => match sent.first() {
                Some(MessageOutcome::Confirmed) => {
                    ActionOutcome::new(ActionState::Done, format!("The broker has it, under the id {id}."))
                }
                Some(MessageOutcome::No(why)) => ActionOutcome::failed(&format!("It was not published: {why}")),
                Some(MessageOutcome::Unknown(why)) => ActionOutcome::failed(&format!(
                    "It is not known whether the broker has it: {why}. Publish it once more under its id {id} with the \
                     command: services handle it once."
                )),
                Some(MessageOutcome::NotTried) | None => ActionOutcome::failed("It was not published."),
            },
            Err(error) => ActionOutcome::failed(&format!("It was not published: {error}")),
        }
    })
    .await
}
