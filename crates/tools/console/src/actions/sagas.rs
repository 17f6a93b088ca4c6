//! Stops sagas, and retries what waits.

use ballet_ops::redrive::{Note, PendingRetries, Stop};
use ballet_ops::sagas::{self, StoppableSaga};
use ballet_ops::words::counted;
use ballet_store::dead_events::{self, DeadEventFilter};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::actions::action_context::ActionContext;
use crate::actions::running_actions::{ActionOutcome, ProgressText};
use crate::store::actions::ActionState;

pub(crate) async fn stop(
    context: &ActionContext,
    saga: StoppableSaga,
    id: Uuid,
    note: &Note,
) -> ActionOutcome {
    let stopped =
        context.in_database(saga.owner, async |db| sagas::stop(db, saga, id, note, false).await);
    match stopped.await {
        Ok(()) => ActionOutcome::new(
            ActionState::Done,
            format!(
                "{} is stopped: {} aborts it, and every service undoes its part.",
                saga.saga, saga.owner
            ),
        ),
        Err(why) => ActionOutcome::failed(&format!("Nothing was changed: {why}")),
    }
}

#[derive(Debug, Clone, serde::Deserialize)]
pub(crate) struct RetryScope {
    pub(crate) service: String,
    pub(crate) saga: Option<Uuid>,
}

/// The counts of waiting work, each with the reason if it is not known.
#[derive(Debug)]
pub(crate) struct WaitCounts {
    pub(crate) messages: Result<u64, String>,
    pub(crate) calls: Result<u64, String>,
    pub(crate) events: Result<u64, String>,
}

impl RetryScope {
    pub(crate) fn address(&self) -> String {
        match self.saga {
            Some(saga) => format!("/retry?service={}&saga={saga}", self.service),
            None => format!("/retry?service={}", self.service),
        }
    }

    fn waiting(&self) -> PendingRetries {
        let sagas = self.saga.into_iter().collect();
        PendingRetries { service: self.service.clone(), sagas, messages: Vec::new() }
    }

    fn unpublished(&self) -> DeadEventFilter {
        DeadEventFilter { sagas: self.saga.into_iter().collect(), ..DeadEventFilter::default() }
    }

    pub(crate) async fn count(&self, context: &ActionContext) -> WaitCounts {
        let waiting = self.waiting();
        let messages = waiting.count(&context.broker).await.map_err(|error| error.to_string());
        let service = &*self.service;
        let calls = context.in_database(service, async |db| waiting.count_calls(db).await).await;
        let unpublished = self.unpublished();
        let events = async |db: &mut PgConnection| dead_events::count(db, &unpublished).await;
        let events = context.in_database(service, events).await.map(i64::unsigned_abs);
        WaitCounts { messages, calls, events }
    }

    pub(crate) async fn inbox(
        &self,
        context: &ActionContext,
        note: Note,
        stop: Stop,
        says: &ProgressText,
    ) -> ActionOutcome {
        let service = &*self.service;
        let waiting = self.waiting();
        let progress = |done: u64| says.say(format!("{} moved", counted(done, "message")));
        let options = context.options(note, stop, &progress);
        let moved = waiting.hurry(&context.broker, &options).await;
        let mut ended = match moved {
            Ok(summary) => {
                let standing =
                    if summary.failed > 0 { ActionState::Partly } else { ActionState::Done };
                ActionOutcome::new(
                    standing,
                    format!(
                        "{} of {service} tried again now.",
                        counted(summary.removed, "message")
                    ),
                )
            }
            Err(error) => ActionOutcome::failed(&error),
        };
        match context.in_database(service, async |db| waiting.hurry_calls(db).await).await {
            Ok(0) => {}
            Ok(calls) => {
                let calls = counted(calls, "call");
                ended.say(&format!("{calls} to the outside made again within seconds."));
            }
            Err(why) => ended.say(&format!("Its calls to the outside were not made due: {why}.")),
        }
        ended
    }

    pub(crate) async fn outbox(&self, context: &ActionContext) -> ActionOutcome {
        let service = &*self.service;
        let unpublished = self.unpublished();
        let put = async |db: &mut PgConnection| dead_events::retry(db, &unpublished, |_| {}).await;
        match context.in_database(service, put).await {
            Ok(put) => ActionOutcome::new(
                ActionState::Done,
                format!(
                    "{} put back in the outbox of {service}, which publishes within seconds.",
                    counted(put, "event")
                ),
            ),
            Err(why) => ActionOutcome::failed(&why),
        }
    }
}
