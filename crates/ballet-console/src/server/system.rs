//! The pages of the running system: its services and its audits.

use std::time::Instant;

use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use jiff::SignedDuration;

use crate::pages::{audit, services};
use crate::server::live::standing;
use crate::server::visit::{Answer, Visit};
use crate::store::{audits, counts};

/// The reason if there is nobody who audits.
const NOBODY: &str = "this console was not started by the command, which audits for it";

pub(super) async fn services(visit: Visit) -> Answer {
    let Visit { site, person } = &visit;
    let open = visit.read(counts::open(&site.pool).await)?;
    let oldest = visit.read(counts::oldest(&site.pool).await)?;
    let content = {
        let found = site.found.borrow();
        services::services(&services::ServicesPage {
            standing: &standing(&found),
            found: &found,
            services: &site.contract_index.services(),
            open: &open,
            oldest: &oldest,
            person,
            now: site.clock.now(),
        })
    };
    visit.page("/services", "Services", &content)
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
    let may_run = site.auditor.is_some() && person.is_operator();
    let form = may_run.then_some(person);
    let content = audit::audit(&all, which.id.parse().ok(), form, site.clock.now());
    visit.page("/audit", "Audit", &content)
}

pub(super) async fn audit(visit: Visit) -> Answer {
    let refused = |status, text: &str| visit.message(status, "Not run", text);
    let nobody = || refused(StatusCode::SERVICE_UNAVAILABLE, NOBODY);
    let auditor = visit.site.auditor.as_ref().ok_or_else(nobody)?;
    let Ok(auditor) = auditor.try_lock() else {
        return Err(refused(
            StatusCode::CONFLICT,
            "An audit runs already: look again in a moment.",
        ));
    };
    let (at, begun) = (visit.site.clock.now(), Instant::now());
    let not_run = |why: String| refused(StatusCode::SERVICE_UNAVAILABLE, &why);
    let report = auditor.audit().await.map_err(not_run)?;
    let took = SignedDuration::try_from(begun.elapsed()).unwrap_or_default();
    let by = (at, &*visit.person.name, took);
    visit.read(audits::keep(&visit.site.pool, by, &report.into()).await)?;
    Ok(Redirect::to("/audit").into_response())
}
