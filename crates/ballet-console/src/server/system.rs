//! The page of the services of the running system.

use std::sync::Arc;

use axum::Form;
use axum::extract::Path;

use crate::actions::services::{pause, resume};
use crate::pages::services;
use crate::server::acts::{Deed, begin_and_show};
use crate::server::live::standing;
use crate::server::visit::{Answer, Visit};
use crate::store::counts;

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
    let is_pause = act == "pause";
    let deed = Deed {
        act: if is_pause { "pauses" } else { "resumes" },
        what: service.to_owned(),
        service: Some(service.to_owned()),
        ..Deed::default()
    };
    let again = Arc::clone(&visit.site.again);
    begin_and_show(&visit, &why, &deed, |context, note, _, _| async move {
        let done = if is_pause {
            pause(&context, service, &note).await
        } else {
            resume(&context, service).await
        };
        again.notify_one();
        done
    })
    .await
}
