//! Stops sagas, records manual compensations, and retries at once whatever waits for its next attempt.

use std::time::Duration;

use ballet_check::solved_event;
use ballet_core::{EventType, SagaId};
use ballet_ops::redrive::{Note, PendingRetries, Stop};
use ballet_ops::sagas::{self, ManualCompensation, SolveError, SolvedStep, StoppableSaga};
use ballet_ops::words::counted;
use ballet_store::dead_events::{self, DeadEventFilter};
use sqlx::Connection as _;
use tokio::time::Instant;
use uuid::Uuid;

use crate::actions::action_context::ActionContext;
use crate::actions::running_actions::{ActionOutcome, ProgressText};
use crate::store::actions::ActionState;

/// The longest wait for a step that the service is trying itself.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Makes the owner of a saga abort it.
pub(crate) async fn stop(
    context: &ActionContext,
    saga: StoppableSaga,
    id: Uuid,
    note: &Note,
) -> ActionOutcome {
    let stopped = async {
        let mut db = context.connect(saga.owner).await?;
        let stopped = sagas::stop(&mut db, saga, id, note).await;
        db.close().await.ok();
        stopped.map_err(|error| error.to_string())
    };
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

/// A compensation that a person has done outside of the system.
#[derive(Debug, Clone)]
pub(crate) struct GivenSolution {
    pub(crate) service: String,
    pub(crate) saga: Uuid,
    pub(crate) step: String,
    pub(crate) key: Option<String>,
    /// The body of the event; `None` makes it from the step's outcome.
    pub(crate) event: Option<String>,
    pub(crate) is_silent: bool,
    pub(crate) is_called_off: bool,
}

impl GivenSolution {
    /// Marks the step as compensated. With `dry_run` it only returns what would be done.
    pub(crate) async fn solve(
        &self,
        context: &ActionContext,
        note: Note,
        dry_run: bool,
    ) -> Result<SolvedStep, String> {
        let service = &*self.service;
        let part =
            context.part(service).ok_or_else(|| format!("the system has no service {service}"))?;
        let now = context.clock.now();
        let contracts = context.contract_index.contracts;
        let body = |kind: EventType, outcome: &str| {
            if self.is_silent {
                return Ok(None);
            }
            solved_event::body(contracts, kind, self.event.as_deref(), outcome, now).map(Some)
        };
        let by_hand = ManualCompensation {
            part,
            saga: SagaId(self.saga),
            step: &self.step,
            key: self.key.as_deref(),
            event: &body,
            is_called_off: self.is_called_off,
            note,
            message_id: context.clock.new_id(now),
            note_id: context.clock.new_id(now),
        };
        let mut db = context.connect(service).await?;
        let end = Instant::now() + PATIENCE;
        let solved = loop {
            match sagas::solve(&mut db, &by_hand, dry_run).await {
                Err(SolveError::Running { .. }) if Instant::now() < end => {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                ended => break ended,
            }
        };
        db.close().await.ok();
        solved.map_err(|error| error.to_string())
    }
}

/// The work of a service that waits for its next attempt: of one saga or of all.
#[derive(Debug, Clone)]
pub(crate) struct RetryScope {
    pub(crate) service: String,
    pub(crate) saga: Option<Uuid>,
}

/// The counts of waiting work, each with the reason if it is not known.
#[derive(Debug)]
pub(crate) struct WaitCounts {
    pub(crate) messages: Result<u64, String>,
    pub(crate) calls: Result<u64, String>,
    /// Events that could not be published.
    pub(crate) events: Result<u64, String>,
}

impl RetryScope {
    /// Returns the address of the form.
    pub(crate) fn address(&self) -> String {
        match self.saga {
            Some(saga) => format!("/sagas/{saga}/retry?service={}", self.service),
            None => format!("/services/{}/retry", self.service),
        }
    }

    fn waiting(&self) -> PendingRetries {
        let sagas = self.saga.into_iter().collect();
        PendingRetries { service: self.service.clone(), sagas, messages: Vec::new() }
    }

    fn unpublished(&self) -> DeadEventFilter {
        DeadEventFilter { sagas: self.saga.into_iter().collect(), ..DeadEventFilter::default() }
    }

    /// Counts the work that would be retried, and changes nothing.
    pub(crate) async fn count(&self, context: &ActionContext) -> WaitCounts {
        let waiting = self.waiting();
        let messages = waiting.count(&context.broker).await.map_err(|error| error.to_string());
        let (calls, events) = match context.connect(&self.service).await {
            Ok(mut db) => {
                let text = |error: sqlx::Error| error.to_string();
                let calls = waiting.count_calls(&mut db).await.map_err(text);
                let events = dead_events::count(&mut db, &self.unpublished()).await.map_err(text);
                db.close().await.ok();
                (calls, events.map(i64::unsigned_abs))
            }
            Err(why) => (Err(why.clone()), Err(why)),
        };
        WaitCounts { messages, calls, events }
    }

    /// Retries messages and calls now.
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
        let calls = async {
            let mut db = context.connect(service).await?;
            let calls = waiting.hurry_calls(&mut db).await;
            db.close().await.ok();
            calls.map_err(|error| error.to_string())
        };
        match calls.await {
            Ok(0) => {}
            Ok(calls) => {
                let calls = counted(calls, "call");
                ended.say(&format!("{calls} to the outside made again within seconds."));
            }
            Err(why) => ended.say(&format!("Its calls to the outside were not made due: {why}.")),
        }
        ended
    }

    /// Publishes again the events that could not be published.
    pub(crate) async fn outbox(&self, context: &ActionContext) -> ActionOutcome {
        let service = &*self.service;
        let put = async {
            let mut db = context.connect(service).await?;
            let put = dead_events::retry(&mut db, &self.unpublished(), |_| {}).await;
            db.close().await.ok();
            put.map_err(|error| error.to_string())
        };
        match put.await {
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
