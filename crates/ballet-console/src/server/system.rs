//! The pages of the running system: its services, and its audits.

use std::time::Instant;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::SignedDuration;

use crate::pages::layout::Person;
use crate::pages::{audit, services};
use crate::server::looked::NOBODY;
use crate::server::site::Shared;
use crate::store::{audits, counts};

pub(super) async fn services(
    State(site): Shared,
    Extension(person): Extension<Person>,
) -> Response {
    let now = site.clock.now();
    let (found_at, findings) = site.looked.findings(now).await;
    match counts::open(&site.pool).await {
        Ok(open) => {
            let content = services::services(&services::Services {
                findings: findings.as_ref().as_ref().map(Vec::as_slice).map_err(String::as_str),
                found_at,
                services: &site.known.services(),
                open: &open,
                now: site.clock.now(),
            });
            site.page(Some(&person), "/services", "Services", &content)
        }
        Err(error) => site.away(Some(&person), &error),
    }
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
