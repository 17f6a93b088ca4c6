//! The repair of the topology.

use std::sync::Arc;

use axum::Form;
use axum::extract::Query;
use tokio::sync::watch;

use crate::actions::repair as actions;
use crate::actions::running_actions::ProgressText;
use crate::pages::repair as pages;
use crate::server::acts::begin_and_show;
use crate::server::visit::{Answer, Visit};
use crate::store::actions::Deed;

const PROPOSED: u16 = 2;

#[derive(Debug, serde::Deserialize)]
pub(super) struct RepairForm {
    hours: Option<u16>,
    #[serde(default)]
    why: String,
}

/// Changes nothing.
pub(super) async fn look(visit: Visit, Query(form): Query<RepairForm>) -> Answer {
    let hours = form.hours.unwrap_or(PROPOSED);
    let (context, stop) = (&visit.site.context, watch::channel(false).1);
    let note = context.note(&visit.person.name, "a look before a repair");
    let says = ProgressText::default();
    let looked = actions::run(context, hours, note, stop, &says, true).await;
    let (found, _) = looked.map_err(|why| visit.refused(&why.to_string()))?;
    visit.page("/services", "Repair", &pages::repair(hours, &found))
}

pub(super) async fn repair(
    visit: Visit,
    Form(RepairForm { hours, why }): Form<RepairForm>,
) -> Answer {
    let hours = hours.unwrap_or(PROPOSED);
    let what = format!("the topology, and sends what was lost in {hours} h");
    let deed = Deed { act: "repairs", what, ..Deed::default() };
    let again = Arc::clone(&visit.site.again);
    begin_and_show(&visit, &why, &deed, |context, note, stop, says| async move {
        let done = actions::repair(&context, hours, note, stop, &says).await;
        again.notify_one();
        done
    })
    .await
}
