//! Actions: how one is begun, and the pages of the trail. All that changes something is for operators alone.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Redirect, Response};
use ballet_ops::redrive::{Note, Stop};
use futures_util::stream::{Stream, unfold};
use serde::Deserialize;
use uuid::Uuid;

use crate::actions::means::Means;
use crate::actions::running::{Ended, Says, begin};
use crate::pages::actions as pages;
use crate::pages::layout::Person;
use crate::server::site::{Shared, Site};
use crate::store::actions::{self, New, Standing};

/// The longest reason.
const LONGEST: usize = 400;
/// How often an open page is told how an action goes on.
const EVERY: Duration = Duration::from_millis(500);

/// What is done to what.
#[derive(Debug, Clone, Default)]
pub(super) struct Deed {
    pub(super) act: &'static str,
    pub(super) what: String,
    pub(super) service: Option<String>,
    pub(super) saga: Option<Uuid>,
    pub(super) message: Option<String>,
}

/// The reason that was given, if it is one.
fn reason(given: &str) -> Option<String> {
    let text: String = given.trim().chars().filter(|c| *c != '\0').take(LONGEST).collect();
    (!text.is_empty()).then_some(text)
}

/// Nothing was done.
pub(super) fn refused(site: &Site, person: &Person, why: &str) -> Response {
    site.message(Some(person), StatusCode::BAD_REQUEST, "Nothing was changed", why)
}

/// Writes a deed down and begins it. Otherwise the page that says why not.
pub(super) async fn begun<W, F>(
    site: &Site,
    person: &Person,
    why: &str,
    deed: &Deed,
    work: W,
) -> Result<Uuid, Response>
where
    W: FnOnce(Means, Note, Stop, Arc<Says>) -> F,
    F: Future<Output = Ended> + Send + 'static,
{
    let Some(why) = reason(why) else {
        return Err(refused(site, person, "Say why: the reason is kept in the trail."));
    };
    let (means, note) = (site.means.clone(), site.means.note(&person.name, &why));
    let new = New {
        id: site.clock.new_id(note.at),
        by: &person.name,
        act: deed.act,
        what: &deed.what,
        service: deed.service.as_deref(),
        saga: deed.saga,
        message: deed.message.as_deref(),
        why: &why,
    };
    let work = |stop, says| work(means, note, stop, says);
    match begin(&site.pool, &site.means.running, &new, work).await {
        Ok(()) => Ok(new.id),
        Err(error) => Err(site.away(Some(person), &error)),
    }
}

/// The same, and leads to the page that shows how it goes on.
pub(super) async fn done<W, F>(
    site: &Site,
    person: &Person,
    why: &str,
    deed: &Deed,
    work: W,
) -> Response
where
    W: FnOnce(Means, Note, Stop, Arc<Says>) -> F,
    F: Future<Output = Ended> + Send + 'static,
{
    match begun(site, person, why, deed, work).await {
        Ok(id) => Redirect::to(&format!("/actions/{id}")).into_response(),
        Err(refused) => refused,
    }
}

/// The form that asks for nothing but a reason.
#[derive(Debug, Deserialize)]
pub(super) struct Because {
    #[serde(default)]
    pub(super) why: String,
}

/// Writes down that somebody has seen what is about a person. Otherwise the page that says why not.
pub(super) async fn shown(
    site: &Site,
    person: &Person,
    why: &str,
    deed: &Deed,
) -> Result<Uuid, Response> {
    begun(site, person, why, deed, |_, _, _, _| async {
        Ended::new(Standing::Done, "What is about a person was shown once.")
    })
    .await
}

pub(super) async fn all(State(site): Shared, Extension(person): Extension<Person>) -> Response {
    match actions::last(&site.pool).await {
        Ok(all) => {
            let content = pages::actions(&all, site.clock.now());
            site.page(Some(&person), "/actions", "Actions", &content)
        }
        Err(error) => site.away(Some(&person), &error),
    }
}

pub(super) async fn one(
    State(site): Shared,
    Extension(person): Extension<Person>,
    Path(id): Path<Uuid>,
) -> Response {
    match actions::one(&site.pool, id).await {
        Ok(Some(action)) => {
            let content = pages::one(&action, &person, site.clock.now());
            site.page(Some(&person), "/actions", &action.act, &content)
        }
        Ok(None) => site.not_found(&person, "There is no such action."),
        Err(error) => site.away(Some(&person), &error),
    }
}

/// How an action goes on, until it has ended.
pub(super) async fn live(
    State(site): Shared,
    Extension(person): Extension<Person>,
    Path(id): Path<Uuid>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let begun = (site, person, String::new(), false);
    let changes = unfold(begun, move |(site, person, before, has_ended)| async move {
        if has_ended {
            return None;
        }
        loop {
            let action = actions::one(&site.pool, id).await.ok().flatten()?;
            let shown = pages::how(&action, &person, site.clock.now()).into_string();
            let has_ended = action.standing != Standing::Running;
            if shown != before || has_ended {
                let parts = BTreeMap::from([("action", &shown)]);
                let event = Event::default().json_data(parts).unwrap_or_default();
                let event = if has_ended { event.event("end") } else { event };
                return Some((Ok(event), (site, person, shown, has_ended)));
            }
            tokio::time::sleep(EVERY).await;
        }
    });
    Sse::new(changes).keep_alive(KeepAlive::default())
}

pub(super) async fn stop(
    State(site): Shared,
    Extension(person): Extension<Person>,
    Path(id): Path<Uuid>,
) -> Response {
    if site.means.running.stop(id) {
        return Redirect::to(&format!("/actions/{id}")).into_response();
    }
    refused(&site, &person, "It has ended already, or another console does it: stop it there.")
}
