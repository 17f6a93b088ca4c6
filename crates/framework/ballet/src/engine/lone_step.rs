//! One declared step in a transaction of the caller: no broker, no ledger, no commit. Tests use it.

use std::sync::Arc;

use ballet_core::{AnyEvent, SagaId};
use ballet_store::ledger::event::EncodedEvent;
use ballet_store::ledger::locks::lock_keys;
use sqlx::PgConnection;

use crate::declare::erased::outcome::{AnyCompensated, AnyOutcome};
use crate::declare::erased::step::AnyStep;
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
    /// It waits for a call to the outside.
    Calls,
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
        let end = match outcome {
            AnyOutcome::Done(event) => LoneEnd::Done(text(&event)),
            AnyOutcome::Refused(event) => LoneEnd::Refused(text(&event)),
            AnyOutcome::Call(_) => LoneEnd::Calls,
        };
        Ok((end, published(&scope)))
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
        let undone = step.compensate_all(BulkTx::new(Tx::new(db, &mut scope)), done()).await?;
        let calls = undone.iter().any(|one| matches!(one, AnyCompensated::Call(_)));
        Ok(if calls { LoneEnd::Calls } else { LoneEnd::Done(String::new()) })
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
