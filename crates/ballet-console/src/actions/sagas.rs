//! Sagas: stopped, solved by hand, and what waits for its next attempt tried again now.

use std::time::Duration;

use ballet_check::solved_event;
use ballet_core::{EventType, SagaId};
use ballet_ops::redrive::{DeadLetter, Note, Notes, Stop, Waiting};
use ballet_ops::sagas::{self, ByHand, NotSolved, SolvedStep, Stoppable};
use ballet_ops::words::counted;
use ballet_store::dead_events::{self, DeadEventFilter};
use ballet_store::operators::interventions::Act;
use sqlx::Connection as _;
use tokio::time::Instant;
use uuid::Uuid;

use crate::actions::means::Means;
use crate::actions::running::{Ended, Says};
use crate::store::actions::Standing;

/// How long a step is waited for that the service tries itself.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Has a saga aborted by its owner.
pub(crate) async fn stop(means: &Means, saga: Stoppable, id: Uuid, note: &Note) -> Ended {
    let stopped = async {
        let mut db = means.connect(saga.owner).await?;
        let stopped = sagas::stop(&mut db, saga, id, note).await;
        db.close().await.ok();
        stopped.map_err(|error| error.to_string())
    };
    match stopped.await {
        Ok(()) => Ended::new(
            Standing::Done,
            format!(
                "{} is stopped: {} aborts it, and every service undoes its part.",
                saga.saga, saga.owner
            ),
        ),
        Err(why) => Ended::failed(&format!("Nothing was changed: {why}")),
    }
}

/// A compensation that a person has done outside of the system.
#[derive(Debug, Clone)]
pub(crate) struct Solved {
    pub(crate) service: String,
    pub(crate) saga: Uuid,
    pub(crate) step: String,
    pub(crate) key: Option<String>,
    /// The body of the event; `None` makes it of the step's outcome.
    pub(crate) event: Option<String>,
    pub(crate) is_silent: bool,
    pub(crate) is_called_off: bool,
}

impl Solved {
    /// Marks it as solved. With `dry_run` it only says what would be done.
    pub(crate) async fn solve(
        &self,
        means: &Means,
        note: Note,
        dry_run: bool,
    ) -> Result<SolvedStep, String> {
        let service = &*self.service;
        let part =
            means.part(service).ok_or_else(|| format!("the system has no service {service}"))?;
        let now = means.clock.now();
        let contracts = means.known.contracts;
        let body = |kind: EventType, outcome: &str| {
            if self.is_silent {
                return Ok(None);
            }
            solved_event::body(contracts, kind, self.event.as_deref(), outcome, now).map(Some)
        };
        let by_hand = ByHand {
            part,
            saga: SagaId(self.saga),
            step: &self.step,
            key: self.key.as_deref(),
            event: &body,
            is_called_off: self.is_called_off,
            note,
            message_id: means.clock.new_id(now),
            note_id: means.clock.new_id(now),
        };
        let mut db = means.connect(service).await?;
        let end = Instant::now() + PATIENCE;
        let solved = loop {
            match sagas::solve(&mut db, &by_hand, dry_run).await {
                Err(NotSolved::Running { .. }) if Instant::now() < end => {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                ended => break ended,
            }
        };
        db.close().await.ok();
        solved.map_err(|error| error.to_string())
    }
}

/// What waits in a service for its next attempt, of a saga or of all.
#[derive(Debug, Clone)]
pub(crate) struct Retry {
    pub(crate) service: String,
    pub(crate) saga: Option<Uuid>,
}

/// How much waits. Of what is not known, why not.
#[derive(Debug)]
pub(crate) struct Waits {
    pub(crate) messages: Result<u64, String>,
    pub(crate) calls: Result<u64, String>,
    /// Events that could not be published.
    pub(crate) events: Result<u64, String>,
}

impl Retry {
    /// The address of its form.
    pub(crate) fn address(&self) -> String {
        match self.saga {
            Some(saga) => format!("/sagas/{saga}/retry?service={}", self.service),
            None => format!("/services/{}/retry", self.service),
        }
    }

    fn waiting(&self) -> Waiting {
        let sagas = self.saga.into_iter().collect();
        Waiting { service: self.service.clone(), sagas, messages: Vec::new() }
    }

    fn unpublished(&self) -> DeadEventFilter {
        DeadEventFilter { sagas: self.saga.into_iter().collect(), ..DeadEventFilter::default() }
    }

    /// Counts what would be tried again: nothing is changed.
    pub(crate) async fn count(&self, means: &Means) -> Waits {
        let waiting = self.waiting();
        let messages = waiting.count(&means.broker).await.map_err(|error| error.to_string());
        let (calls, events) = match means.connect(&self.service).await {
            Ok(mut db) => {
                let text = |error: sqlx::Error| error.to_string();
                let calls = waiting.count_calls(&mut db).await.map_err(text);
                let events = dead_events::count(&mut db, &self.unpublished()).await.map_err(text);
                db.close().await.ok();
                (calls, events.map(i64::unsigned_abs))
            }
            Err(why) => (Err(why.clone()), Err(why)),
        };
        Waits { messages, calls, events }
    }

    /// Tries messages and calls again now.
    pub(crate) async fn inbox(&self, means: &Means, note: Note, stop: Stop, says: &Says) -> Ended {
        let service = &*self.service;
        let waiting = self.waiting();
        let notes = Notes::open(means.connect(service).await, Act::Retried, note.clone());
        let each = |moved: &DeadLetter| notes.add(moved);
        let progress = |done: u64| says.say(format!("{} moved", counted(done, "message")));
        let options = means.options(note.clone(), stop, &progress, &each);
        let moved = waiting.hurry(&means.broker, &options).await;
        let noted = notes.close().await;
        let mut ended = match moved {
            Ok(summary) => {
                let standing = if summary.failed > 0 { Standing::Partly } else { Standing::Done };
                Ended::new(
                    standing,
                    format!(
                        "{} of {service} tried again now.",
                        counted(summary.removed, "message")
                    ),
                )
            }
            Err(error) => Ended::failed(&error),
        };
        if let Err(why) = noted {
            ended.say(&format!("Who did it is not in the database of {service}: {why}."));
        }
        let calls = async {
            let mut db = means.connect(service).await?;
            let calls = waiting.hurry_calls(&mut db, &note).await;
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

    /// Publishes again what could not be published.
    pub(crate) async fn outbox(&self, means: &Means, note: &Note) -> Ended {
        let service = &*self.service;
        let put = async {
            let mut db = means.connect(service).await?;
            let put =
                dead_events::retry(&mut db, &self.unpublished(), note.of(Act::Retried), |_| {})
                    .await;
            db.close().await.ok();
            put.map_err(|error| error.to_string())
        };
        match put.await {
            Ok(put) => Ended::new(
                Standing::Done,
                format!(
                    "{} put back in the outbox of {service}, which publishes within seconds.",
                    counted(put, "event")
                ),
            ),
            Err(why) => Ended::failed(&why),
        }
    }
}
