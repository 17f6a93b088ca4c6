//! Actions on a saga.

use axum::Form;
use axum::extract::{Path, Query};
use ballet_ops::sagas::{StoppableSaga, stoppable};
use serde::Deserialize;
use uuid::Uuid;

use crate::access::role::BodySight;
use crate::actions::sagas::{self, RetryScope};
use crate::pages::saga_actions as pages;
use crate::server::acts::{ReasonForm, begin_and_show, deed_on_saga, record_unmasking};
use crate::server::pages::saga_page;
use crate::server::site::Site;
use crate::server::visit::{Answer, Visit};
use crate::store::actions::Deed;

fn can_stop(site: &Site) -> Vec<StoppableSaga> {
    stoppable(site.context.contract_index.system())
}

pub(super) async fn stop_form(visit: Visit, Path(id): Path<Uuid>) -> Answer {
    let content = pages::stop(id, &can_stop(&visit.site));
    visit.page("/sagas", "Stop a saga", &content)
}

#[derive(Debug, Deserialize)]
pub(super) struct StopForm {
    name: String,
    #[serde(default)]
    why: String,
}

pub(super) async fn stop(
    visit: Visit,
    Path(id): Path<Uuid>,
    Form(StopForm { name, why }): Form<StopForm>,
) -> Answer {
    let Some(saga) = can_stop(&visit.site).into_iter().find(|one| one.saga == name) else {
        return Err(visit.refused("No saga of that name can be stopped."));
    };
    let deed = deed_on_saga("stops", id, saga.owner, saga.saga);
    begin_and_show(&visit, &why, &deed, |context, note, _, _| async move {
        sagas::stop(&context, saga, id, &note).await
    })
    .await
}

pub(super) async fn retry_form(visit: Visit, Query(retry): Query<RetryScope>) -> Answer {
    visit.service(&retry.service)?;
    let waits = retry.count(&visit.site.context).await;
    let at = if retry.saga.is_some() { "/sagas" } else { "/services" };
    visit.page(at, "Try again", &pages::retry(&retry, &waits))
}

#[derive(Debug, Deserialize)]
pub(super) struct RetryForm {
    what: String,
    #[serde(default)]
    why: String,
}

pub(super) async fn retry(
    visit: Visit,
    Query(retry): Query<RetryScope>,
    Form(RetryForm { what, why }): Form<RetryForm>,
) -> Answer {
    visit.service(&retry.service)?;
    let deed = |what: &str| Deed {
        act: "tries again",
        what: match retry.saga {
            Some(saga) => format!("{what} of saga {saga}"),
            None => format!("{what} of {}", retry.service),
        },
        service: Some(retry.service.clone()),
        saga: retry.saga,
        message: None,
    };
    match &*what {
        "inbox" => {
            let deed = deed("what waits");
            begin_and_show(&visit, &why, &deed, |context, note, stop, says| async move {
                retry.inbox(&context, note, stop, &says).await
            })
            .await
        }
        "outbox" => {
            let deed = deed("the unpublished events");
            begin_and_show(&visit, &why, &deed, |context, _, _, _| async move {
                retry.outbox(&context).await
            })
            .await
        }
        _ => Err(visit.refused("The form says nothing that can be tried again.")),
    }
}

/// Shows the saga with personal values, once.
pub(super) async fn unmasked(
    visit: Visit,
    Path(id): Path<Uuid>,
    Form(ReasonForm { why }): Form<ReasonForm>,
) -> Answer {
    let deed =
        Deed { act: "unmasks", what: format!("saga {id}"), saga: Some(id), ..Deed::default() };
    record_unmasking(&visit, &why, &deed).await?;
    saga_page(&visit, &id.to_string(), BodySight { role: visit.person.role, is_unmasked: true })
        .await
}
