//! Actions on a saga.

use axum::Form;
use axum::extract::{Path, Query};
use ballet_ops::sagas::{StoppableSaga, stoppable};
use serde::Deserialize;
use uuid::Uuid;

use crate::access::role::BodySight;
use crate::actions::running_actions::ActionOutcome;
use crate::actions::sagas::{self, GivenSolution, RetryScope};
use crate::pages::saga_actions as pages;
use crate::server::acts::{Deed, ReasonForm, begin_and_show, not_blank, record_unmasking};
use crate::server::pages::saga_page;
use crate::server::site::Site;
use crate::server::visit::{Answer, Visit};
use crate::store::actions::ActionState;

pub(super) fn deed(act: &'static str, id: Uuid, service: &str, what: &str) -> Deed {
    Deed {
        act,
        what: format!("{what} {id}"),
        service: Some(service.to_owned()),
        saga: Some(id),
        message: None,
    }
}

fn can_stop(site: &Site) -> Vec<StoppableSaga> {
    stoppable(site.contract_index.system())
}

pub(super) async fn stop_form(visit: Visit, Path(id): Path<Uuid>) -> Answer {
    let content = pages::stop(id, &can_stop(&visit.site), &visit.person);
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
    let deed = deed("stops", id, saga.owner, saga.saga);
    begin_and_show(&visit, &why, &deed, |context, note, _, _| async move {
        sagas::stop(&context, saga, id, &note).await
    })
    .await
}

#[derive(Debug, Deserialize)]
pub(super) struct RetryQuery {
    #[serde(default)]
    service: String,
}

impl RetryQuery {
    fn of(self, saga: Uuid) -> RetryScope {
        RetryScope { service: self.service, saga: Some(saga) }
    }
}

pub(super) async fn retry_form(
    visit: Visit,
    Path(saga): Path<Uuid>,
    Query(service): Query<RetryQuery>,
) -> Answer {
    retry_page(&visit, &service.of(saga)).await
}

pub(super) async fn service_retry_form(visit: Visit, Path(service): Path<String>) -> Answer {
    retry_page(&visit, &RetryScope { service, saga: None }).await
}

async fn retry_page(visit: &Visit, retry: &RetryScope) -> Answer {
    visit.service(&retry.service)?;
    let waits = retry.count(&visit.site.context).await;
    let at = if retry.saga.is_some() { "/sagas" } else { "/services" };
    visit.page(at, "Try again", &pages::retry(retry, &waits, &visit.person))
}

#[derive(Debug, Deserialize)]
pub(super) struct RetryForm {
    what: String,
    #[serde(default)]
    why: String,
}

pub(super) async fn retry(
    visit: Visit,
    Path(saga): Path<Uuid>,
    Query(service): Query<RetryQuery>,
    Form(again): Form<RetryForm>,
) -> Answer {
    begin_retry(&visit, service.of(saga), again).await
}

pub(super) async fn service_retry(
    visit: Visit,
    Path(service): Path<String>,
    Form(again): Form<RetryForm>,
) -> Answer {
    begin_retry(&visit, RetryScope { service, saga: None }, again).await
}

async fn begin_retry(visit: &Visit, retry: RetryScope, again: RetryForm) -> Answer {
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
    let RetryForm { what, why } = again;
    match &*what {
        "inbox" => {
            let deed = deed("what waits");
            begin_and_show(visit, &why, &deed, |context, note, stop, says| async move {
                retry.inbox(&context, note, stop, &says).await
            })
            .await
        }
        "outbox" => {
            let deed = deed("the unpublished events");
            begin_and_show(visit, &why, &deed, |context, _, _, _| async move {
                retry.outbox(&context).await
            })
            .await
        }
        _ => Err(visit.refused("The form says nothing that can be tried again.")),
    }
}

/// The fields of a form that is about one step of a saga.
#[derive(Debug, Default, Deserialize)]
pub(super) struct StepForm {
    #[serde(default)]
    pub(super) act: String,
    /// `service/step`.
    #[serde(default)]
    step: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    called_off: String,
    #[serde(default)]
    pub(super) why: String,
}

impl StepForm {
    /// The service and its step.
    pub(super) fn names(&self) -> (String, String) {
        let (service, step) = self.step.split_once('/').unwrap_or_default();
        (service.to_owned(), step.to_owned())
    }

    pub(super) fn key(&self) -> Option<String> {
        not_blank(&self.key)
    }

    pub(super) fn is_called_off(&self) -> bool {
        self.called_off == "yes"
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct SolvedForm {
    #[serde(flatten)]
    of: StepForm,
    #[serde(default)]
    event: String,
    #[serde(default)]
    silent: String,
}

impl SolvedForm {
    fn solved(&self, saga: Uuid) -> GivenSolution {
        let (service, step) = self.of.names();
        GivenSolution {
            service,
            saga,
            step,
            key: self.of.key(),
            event: not_blank(&self.event),
            is_silent: self.silent == "yes",
            is_called_off: self.of.is_called_off(),
        }
    }
}

pub(super) async fn solved_form(visit: Visit, Path(id): Path<Uuid>) -> Answer {
    let solved = SolvedForm::default().solved(id);
    let content =
        pages::solved(&visit.site.contract_index.system().parts, &solved, None, &visit.person);
    visit.page("/sagas", "Solved by hand", &content)
}

/// Shows what would be done, or does it.
pub(super) async fn solved(
    visit: Visit,
    Path(id): Path<Uuid>,
    Form(given): Form<SolvedForm>,
) -> Answer {
    let solved = given.solved(id);
    if given.of.act != "solve" {
        let note = visit.site.context.note(&visit.person.name, "a look");
        let checked = solved.solve(&visit.site.context, note, true).await;
        let content = pages::solved(
            &visit.site.contract_index.system().parts,
            &solved,
            Some(&checked),
            &visit.person,
        );
        return visit.page("/sagas", "Solved by hand", &content);
    }
    let deed = deed("solves", id, &solved.service, &format!("{} of saga", solved.step));
    begin_and_show(&visit, &given.of.why, &deed, |context, note, _, _| async move {
        match solved.solve(&context, note, false).await {
            Ok(step) => {
                let service = &solved.service;
                let mut ended = ActionOutcome::new(
                    ActionState::Done,
                    format!("{} of {service} is marked as solved.", step.step),
                );
                if step.event.is_some() {
                    ended.say(&format!("{service} publishes its event within seconds."));
                }
                if !step.earlier.is_empty() {
                    ended.say(&format!("{service} goes on with {}.", step.earlier.join(", ")));
                }
                if step.failed.is_some() {
                    ended.say(
                        "The message that failed is done when it comes again, or is sent back.",
                    );
                }
                ended
            }
            Err(why) => ActionOutcome::failed(&format!("Nothing was changed: {why}")),
        }
    })
    .await
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
