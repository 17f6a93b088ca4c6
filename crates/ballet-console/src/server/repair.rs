//! The repair of the topology.

use std::sync::Arc;

use axum::Form;
use axum::extract::Query;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::actions::repair as actions;
use crate::actions::running_actions::ProgressText;
use crate::pages::repair as pages;
use crate::server::acts::{Deed, begin_and_show};
use crate::server::visit::{Answer, Visit};

/// The time that the form proposes.
const PROPOSED: &str = "2h";

/// The time of the loss, and the reason.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct RepairForm {
    since: Option<String>,
    #[serde(default)]
    why: String,
}

impl RepairForm {
    fn since(&self, visit: &Visit) -> Result<Timestamp, Response> {
        let text = self.since.as_deref().unwrap_or_default().trim();
        let age = |age: SignedDuration| visit.site.clock.now().checked_sub(age).ok();
        let at = text.parse().ok().or_else(|| text.parse().ok().and_then(age));
        at.ok_or_else(|| {
            visit.refused("The time is one like 2026-02-01T12:00:00Z, or an age such as 2h.")
        })
    }
}

/// Shows what would be done, and changes nothing.
pub(super) async fn look(visit: Visit, Query(form): Query<RepairForm>) -> Answer {
    let shown = form.since.as_deref().unwrap_or(PROPOSED);
    let found = match &form.since {
        None => None,
        Some(_) => {
            let context = &visit.site.context;
            let note = context.note(&visit.person.name, "a look before a repair");
            let (since, stop) = (form.since(&visit)?, watch::channel(false).1);
            let says = ProgressText::default();
            let looked = actions::run(context, since, note, stop, &says, true).await;
            Some(looked.map_err(|why| visit.refused(&why))?.words())
        }
    };
    let content = pages::repair(shown, found.as_deref(), &visit.person);
    visit.page("/services", "Repair", &content)
}

/// Mends and sends.
pub(super) async fn repair(visit: Visit, Form(form): Form<RepairForm>) -> Answer {
    let since = form.since(&visit)?;
    let what = format!("the topology, and sends what was lost since {since:.0}");
    let deed = Deed { act: "repairs", what, ..Deed::default() };
    let again = Arc::clone(&visit.site.again);
    begin_and_show(&visit, &form.why, &deed, |context, note, stop, says| async move {
        let done = actions::repair(&context, since, note, stop, &says).await;
        again.notify_one();
        done
    })
    .await
}
