//! The pages of the running system: its services and its audits.

use std::time::Instant;

use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use jiff::SignedDuration;

use crate::actions::services::{pause, resume};
use crate::pages::{audit, services};
use crate::server::acts::{Deed, begin_and_show};
use crate::server::system_look::NOBODY;
use crate::server::visit::{Answer, Visit};
use crate::store::{audits, counts};

pub(super) async fn services(visit: Visit) -> Answer {
    let Visit { site, person } = &visit;
    let (system, databases) = (site.contract_index.system(), &site.context.databases);
    let found = site.looked.look(system, databases, site.clock.now()).await;
    let open = visit.read(counts::open(&site.pool).await)?;
    let hindrances = site.hindrances.borrow().clone();
    let content = services::services(&services::ServicesPage {
        findings: found.findings.as_ref().map(Vec::as_slice).map_err(String::as_str),
        found_at: found.at,
        figures: &found.figures,
        hindrances: &hindrances,
        services: &site.contract_index.services(),
        open: &open,
        versions: &found.versions,
        person,
        now: site.clock.now(),
    });
    visit.page("/services", "Services", &content)
}

/// The wanted state of a service.
#[derive(Debug, serde::Deserialize)]
pub(super) struct SwitchForm {
    act: String,
    #[serde(default)]
    why: String,
}

/// Pauses or resumes a service.
pub(super) async fn switch(
    visit: Visit,
    Path(service): Path<String>,
    Form(SwitchForm { act, why }): Form<SwitchForm>,
) -> Answer {
    let service = visit.service(&service)?;
    *visit.site.looked.found.hold().await = None;
    let is_pause = act == "pause";
    let deed = Deed {
        act: if is_pause { "pauses" } else { "resumes" },
        what: service.to_owned(),
        service: Some(service.to_owned()),
        ..Deed::default()
    };
    begin_and_show(&visit, &why, &deed, |context, note, _, _| async move {
        if is_pause {
            pause(&context, service, &note).await
        } else {
            resume(&context, service).await
        }
    })
    .await
}

/// The chosen audit.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct AuditQuery {
    #[serde(default)]
    id: String,
}

pub(super) async fn audits(visit: Visit, Query(which): Query<AuditQuery>) -> Answer {
    let Visit { site, person } = &visit;
    let all = visit.read(audits::all(&site.pool).await)?;
    let may_run = site.looked.looks.is_some() && person.is_operator();
    let form = may_run.then_some(person);
    let content = audit::audit(&all, which.id.parse().ok(), form, site.clock.now());
    visit.page("/audit", "Audit", &content)
}

pub(super) async fn audit(visit: Visit) -> Answer {
    let refused = |status, text: &str| visit.message(status, "Not run", text);
    let nobody = || refused(StatusCode::SERVICE_UNAVAILABLE, NOBODY);
    let looks = visit.site.looked.looks.as_ref().ok_or_else(nobody)?;
    let Ok(_alone) = visit.site.looked.auditing.try_lock() else {
        return Err(refused(
            StatusCode::CONFLICT,
            "An audit runs already: look again in a moment.",
        ));
    };
    let (at, begun) = (visit.site.clock.now(), Instant::now());
    let not_run = |why: String| refused(StatusCode::SERVICE_UNAVAILABLE, &why);
    let report = looks.audit().await.map_err(not_run)?;
    let took = SignedDuration::try_from(begun.elapsed()).unwrap_or_default();
    let by = (at, &*visit.person.name, took);
    visit.read(audits::keep(&visit.site.pool, by, &report.into()).await)?;
    Ok(Redirect::to("/audit").into_response())
}
