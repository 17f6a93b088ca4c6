//! The pages of the running system: its services, and its audits.

use std::time::Instant;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use jiff::SignedDuration;

use crate::actions::services::{pause, resume};
use crate::pages::layout::Person;
use crate::pages::{audit, services};
use crate::server::acts::{Deed, done};
use crate::server::looked::NOBODY;
use crate::server::site::{NO_SERVICE, Shared};
use crate::store::{audits, counts};

pub(super) async fn services(
    State(site): Shared,
    Extension(person): Extension<Person>,
) -> Response {
    let (system, databases) = (site.known.system(), &site.means.databases);
    let found = site.looked.look(system, databases, site.clock.now()).await;
    match counts::open(&site.pool).await {
        Ok(open) => {
            let hindrances = site.hindrances.borrow().clone();
            let content = services::services(&services::Services {
                findings: found.findings.as_ref().map(Vec::as_slice).map_err(String::as_str),
                found_at: found.at,
                figures: &found.figures,
                hindrances: &hindrances,
                services: &site.known.services(),
                open: &open,
                versions: &found.versions,
                person: &person,
                now: site.clock.now(),
            });
            site.page(Some(&person), "/services", "Services", &content)
        }
        Err(error) => site.away(Some(&person), &error),
    }
}

/// What is to become of a service.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Switch {
    act: String,
    #[serde(default)]
    why: String,
}

/// Pauses a service, or lets it go on.
pub(super) async fn switch(
    State(site): Shared,
    Extension(person): Extension<Person>,
    Path(service): Path<String>,
    Form(Switch { act, why }): Form<Switch>,
) -> Response {
    let Some(service) = site.known.services().into_iter().find(|one| *one == service) else {
        return site.not_found(&person, NO_SERVICE);
    };
    *site.looked.found.hold().await = None;
    let is_pause = act == "pause";
    let deed = Deed {
        act: if is_pause { "pauses" } else { "resumes" },
        what: service.to_owned(),
        service: Some(service.to_owned()),
        ..Deed::default()
    };
    done(&site, &person, &why, &deed, |means, note, _, _| async move {
        if is_pause { pause(&means, service, &note).await } else { resume(&means, service).await }
    })
    .await
}

/// Which of the audits is shown.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    id: String,
}

pub(super) async fn audits(
    State(site): Shared,
    Extension(person): Extension<Person>,
    Query(which): Query<Which>,
) -> Response {
    match audits::all(&site.pool).await {
        Ok(all) => {
            let may_run = site.looked.looks.is_some() && person.is_operator();
            let form = may_run.then_some(&person);
            let content = audit::audit(&all, which.id.parse().ok(), form, site.clock.now());
            site.page(Some(&person), "/audit", "Audit", &content)
        }
        Err(error) => site.away(Some(&person), &error),
    }
}

pub(super) async fn audit(State(site): Shared, Extension(person): Extension<Person>) -> Response {
    let refused = |status, text: &str| site.message(Some(&person), status, "Not run", text);
    let Some(looks) = &site.looked.looks else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, NOBODY);
    };
    let Ok(_alone) = site.looked.auditing.try_lock() else {
        return refused(StatusCode::CONFLICT, "An audit runs already: look again in a moment.");
    };
    let (at, begun) = (site.clock.now(), Instant::now());
    let report = match looks.audit().await {
        Ok(report) => report,
        Err(why) => return refused(StatusCode::SERVICE_UNAVAILABLE, &why),
    };
    let took = SignedDuration::try_from(begun.elapsed()).unwrap_or_default();
    match audits::keep(&site.pool, (at, &person.name, took), &report.into()).await {
        Ok(()) => Redirect::to("/audit").into_response(),
        Err(error) => site.away(Some(&person), &error),
    }
}
