//! One declared step in a transaction of the caller: no broker, no ledger, no commit. Tests use it.

use std::sync::Arc;

use ballet_core::{AnyEvent, EventType, SagaId};
use ballet_store::copies::copy_writes::CopyWrites;
use ballet_store::ledger::event::EncodedEvent;
use ballet_store::ledger::locks::lock_keys;
use sqlx::PgConnection;

use crate::declare::erased::call::CallHandlers;
use crate::declare::erased::outcome::{AnyCompensated, AnyOutcome};
use crate::declare::erased::step::{AnyStep, Handlers};
use crate::declare::handler::clock::Clock;
use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::Item;
use crate::declare::handler::tx::{Scope, Tx};
use crate::declare::participant::participant::Participant;
use crate::declare::step::bulk::BulkTx;
use crate::declare::step::row_locks::Rows;

/// The end of a lone step: texts of JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoneEnd {
    /// It is done. A projection, and a compensation, says nothing.
    Done(String),
    /// It refused.
    Refused(String),
    /// It waits for the answer to this request, or for rows.
    Calls(String),
}

impl From<AnyOutcome> for LoneEnd {
    fn from(outcome: AnyOutcome) -> Self {
        match outcome {
            AnyOutcome::Done(event) => Self::Done(text(&event)),
            AnyOutcome::Refused(event) => Self::Refused(text(&event)),
            AnyOutcome::Call(request) => Self::Calls(request),
        }
    }
}

impl From<AnyCompensated> for LoneEnd {
    fn from(compensated: AnyCompensated) -> Self {
        match compensated {
            AnyCompensated::Call(request) => Self::Calls(request),
            AnyCompensated::With(_) | AnyCompensated::Silently => Self::Done(String::new()),
        }
    }
}

/// The steps and projections of a service, each run alone.
#[derive(Debug, Clone)]
pub struct LoneSteps(Participant);

impl LoneSteps {
    pub(crate) const fn new(participant: Participant) -> Self {
        Self(participant)
    }

    /// Runs a step, or a projection, on the bodies of its events. Returns what it published besides, too.
    ///
    /// # Errors
    ///
    /// The failure of the handler.
    pub async fn run(
        &self,
        db: &mut PgConnection,
        clock: &Clock,
        (name, saga): (&str, SagaId),
        bodies: &[String],
    ) -> Result<(LoneEnd, Vec<String>), Failure> {
        let mut scope = Scope::new(clock.clone());
        scope.enter(Some(saga), None, None);
        if let Some(projection) = self.0.projections.iter().find(|one| one.name() == name) {
            let body = bodies.first().map_or("null", String::as_str);
            let event = projection.decode(body.as_bytes())?;
            projection.apply(Tx::new(db, &mut scope), event).await?;
            return Ok((LoneEnd::Done(String::new()), published(&scope)));
        }
        let step = self.step(name)?;
        let decode = |(place, body): (usize, &String)| step.decode(place, body.as_bytes());
        let events: Vec<AnyEvent> =
            bodies.iter().enumerate().map(decode).collect::<Result<_, _>>()?;
        if let [only] = &events[..] {
            let rows = step.touches(db, vec![Item::of_saga(saga, only)]).await?;
            lock_rows(db, rows).await?;
        }
        let tx = Tx::new(db, &mut scope);
        let outcome = match (step.together(), events) {
            (Some(together), mut events) => {
                let items = events.drain(..).map(|event| Item::of_saga(saga, event)).collect();
                together.run_all(BulkTx::new(tx), items).await?.pop()
            }
            (None, events) => Some(step.run(tx, events).await?),
        };
        let outcome = outcome.ok_or_else(|| Failure::permanent("no outcome"))?;
        Ok((LoneEnd::from(outcome), published(&scope)))
    }

    /// Runs a step's compensation on its outcome.
    ///
    /// # Errors
    ///
    /// The failure of the handler.
    pub async fn undo(
        &self,
        db: &mut PgConnection,
        clock: &Clock,
        (name, saga): (&str, SagaId),
        done: &str,
    ) -> Result<LoneEnd, Failure> {
        let mut scope = Scope::new(clock.clone());
        scope.enter(Some(saga), None, None);
        let step = self.step(name)?;
        let done = || vec![Item::of_saga(saga, done.to_owned())];
        let rows = step.compensate_touches(db, done()).await?;
        lock_rows(db, rows).await?;
        let mut undone = step.compensate_all(BulkTx::new(Tx::new(db, &mut scope)), done()).await?;
        let undone = undone.pop().ok_or_else(|| Failure::permanent("no outcome"))?;
        Ok(LoneEnd::from(undone))
    }

    /// Lets a step, or its compensation, take in the answer to its request. Returns what it published besides, too.
    ///
    /// # Errors
    ///
    /// The failure of the handler.
    pub async fn answered(
        &self,
        db: &mut PgConnection,
        clock: &Clock,
        (name, saga, undo): (&str, SagaId, bool),
        (request, answer): (&str, &str),
    ) -> Result<(LoneEnd, Vec<String>), Failure> {
        let mut scope = Scope::new(clock.clone());
        scope.enter(Some(saga), None, None);
        let calls = self.handlers(name)?;
        let tx = Tx::new(db, &mut scope);
        let end = if undo {
            calls.compensation()?.answered(tx, request, answer).await?.into()
        } else {
            calls.step.answered(tx, request, answer).await?.into()
        };
        Ok((end, published(&scope)))
    }

    /// Whether a step, or its compensation, waits for answers.
    #[must_use]
    pub fn calls(&self, name: &str, undo: bool) -> bool {
        self.handlers(name).is_ok_and(|calls| !undo || calls.compensation.is_some())
    }

    /// Returns where and why a text is no answer to a step's request, or its compensation's: a JSON pointer and words.
    #[must_use]
    pub fn misfit(&self, name: &str, undo: bool, answer: &str) -> Option<(String, String)> {
        let calls = self.handlers(name).ok()?;
        match &calls.compensation {
            Some(compensation) if undo => compensation.misfit(answer),
            Some(_) | None => calls.step.misfit(answer),
        }
    }

    /// Feeds the service's copies with an event.
    ///
    /// # Errors
    ///
    /// If the event cannot be read, or is not written.
    pub async fn feed(
        &self,
        db: &mut PgConnection,
        event: EventType,
        body: &str,
    ) -> Result<(), Failure> {
        let feeds = self.0.copies.iter().flat_map(|copy| &copy.feeds);
        let mut copied = CopyWrites::default();
        for feed in feeds.filter(|feed| feed.event_type == event) {
            let (rows, page) = (feed.versions)((feed.decode)(body.as_bytes())?)?;
            copied.add(feed.entity, rows, page, None);
        }
        Ok(copied.flush(db).await?)
    }

    fn handlers(&self, name: &str) -> Result<&CallHandlers, Failure> {
        match &self.step(name)?.handlers {
            Handlers::Call(calls) => Ok(calls),
            Handlers::Local(_) => Err(Failure::permanent(format!("{name} makes no call"))),
        }
    }

    fn step(&self, name: &str) -> Result<&Arc<AnyStep>, Failure> {
        let mut steps = self.0.sagas.iter().flat_map(|saga| &saga.steps);
        let found = steps.find(|step| step.part().name == name);
        found.ok_or_else(|| Failure::permanent(format!("there is no step {name}")))
    }
}

async fn lock_rows(db: &mut PgConnection, rows: Rows) -> Result<(), Failure> {
    Ok(lock_keys(db, rows.into_lock_keys()).await?)
}

fn published(scope: &Scope) -> Vec<String> {
    scope.emitted.iter().map(|emitted| text(&emitted.event)).collect()
}

fn text(event: &EncodedEvent) -> String {
    String::from_utf8_lossy(&event.body).into_owned()
}
