//! Starts actions, and shows the trail. Only operators may change anything.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use ballet_ops::redrive::{Note, Stop};
use serde::Deserialize;
use uuid::Uuid;

use crate::actions::action_context::ActionContext;
use crate::actions::running_actions::{ActionOutcome, ProgressText, begin};
use crate::pages::actions as pages;
use crate::server::visit::{Answer, Visit};
use crate::store::actions::{self, ActionState, Deed, NewAction};

/// In characters.
const LONGEST: usize = 400;

fn reason(given: &str) -> Option<String> {
    let text: String = given.trim().chars().filter(|c| *c != '\0').take(LONGEST).collect();
    (!text.is_empty()).then_some(text)
}

/// Records a deed and starts it. Otherwise returns the page that says why not.
pub(super) async fn begin_deed<W, F>(
    visit: &Visit,
    why: &str,
    deed: &Deed,
    work: W,
) -> Result<Uuid, Response>
where
    W: FnOnce(ActionContext, Note, Stop, Arc<ProgressText>) -> F,
    F: Future<Output = ActionOutcome> + Send + 'static,
{
    let refused = || visit.refused("Say why: the reason is kept in the trail.");
    let why = reason(why).ok_or_else(refused)?;
    let Visit { site, person } = visit;
    let (context, note) = (site.context.clone(), site.context.note(&person.name, &why));
    let new =
        NewAction { id: site.context.clock.new_id(note.at), by: &person.name, why: &why, deed };
    let work = |stop, says| work(context, note, stop, says);
    visit.read(begin(&site.context.pool, &site.context.running, &new, work).await)?;
    Ok(new.id)
}

pub(super) async fn begin_and_show<W, F>(visit: &Visit, why: &str, deed: &Deed, work: W) -> Answer
where
    W: FnOnce(ActionContext, Note, Stop, Arc<ProgressText>) -> F,
    F: Future<Output = ActionOutcome> + Send + 'static,
{
    let id = begin_deed(visit, why, deed, work).await?;
    Ok(Redirect::to(&format!("/actions/{id}")).into_response())
}

pub(super) fn deed_on_saga(act: &'static str, id: Uuid, service: &str, what: &str) -> Deed {
    let (what, service) = (format!("{what} {id}"), Some(service.to_owned()));
    Deed { act, what, service, saga: Some(id), message: None }
}

#[derive(Debug, Deserialize)]
pub(super) struct ReasonForm {
    #[serde(default)]
    pub(super) why: String,
}

/// Records that a person has seen personal values. Otherwise returns the page that says why not.
pub(super) async fn record_unmasking(
    visit: &Visit,
    why: &str,
    deed: &Deed,
) -> Result<Uuid, Response> {
    begin_deed(visit, why, deed, |_, _, _, _| async {
        ActionOutcome::new(ActionState::Done, "What is about a person was shown once.")
    })
    .await
}

pub(super) async fn all(visit: Visit) -> Answer {
    let all = visit.read(actions::last(&visit.site.context.pool).await)?;
    visit.page("/actions", "Actions", &pages::actions(&all, visit.site.context.clock.now()))
}

pub(super) async fn one(visit: Visit, Path(id): Path<Uuid>) -> Answer {
    let action = visit.read(actions::one(&visit.site.context.pool, id).await)?;
    let action = action.ok_or_else(|| visit.not_found("There is no such action."))?;
    let content = pages::one(&action, visit.site.context.clock.now());
    visit.page("/actions", &action.act, &content)
}

pub(super) async fn stop(visit: Visit, Path(id): Path<Uuid>) -> Answer {
    if visit.site.context.running.stop(id) {
        return Ok(Redirect::to(&format!("/actions/{id}")).into_response());
    }
    Err(visit.refused("It has ended already, or another console does it: stop it there."))
}
