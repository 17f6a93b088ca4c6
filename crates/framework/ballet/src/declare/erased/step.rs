//! A step without its types, as the engine runs it: what all steps have, and the handlers of its kind.

use std::fmt;

use ballet_core::{AnyEvent, Event, EventSchema, Runs, StepKind, StepPart, Trigger};
use ballet_store::ledger::entry::NO_KEY;
use sqlx::PgConnection;

use crate::declare::erased::call::CallHandlers;
use crate::declare::erased::codec::storable_key;
use crate::declare::erased::local::{AnyLocal, LocalHandlers};
use crate::declare::erased::outcome::{AnyCompensated, AnyOutcome, no_compensation};
use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::Item;
use crate::declare::handler::tx::Tx;
use crate::declare::step::bulk::BulkTx;
use crate::declare::step::retry::Retry;
use crate::declare::step::row_locks::Rows;

/// Finds the key of the repetition that an event triggers.
type Key = Box<dyn Fn(&AnyEvent) -> Option<String> + Send + Sync>;

pub(crate) struct AnyStep {
    part: StepPart,
    retry: Retry,
    decode: fn(usize, &[u8]) -> Result<AnyEvent, serde_json::Error>,
    key: Key,
    /// Whether one repetition of it can be compensated alone.
    repeats: bool,
    pub(crate) handlers: Handlers,
}

pub(crate) enum Handlers {
    Local(LocalHandlers),
    Call(CallHandlers),
}

impl AnyStep {
    /// A step whose handlers know no types.
    pub(crate) fn untyped(
        part: StepPart,
        decode: fn(usize, &[u8]) -> Result<AnyEvent, serde_json::Error>,
        key: fn(&AnyEvent) -> Option<String>,
        handlers: Handlers,
    ) -> Self {
        let repeats = !part.compensated_by.is_empty();
        Self { part, retry: Retry::DEFAULT, decode, key: Box::new(key), repeats, handlers }
    }

    pub(crate) const fn part(&self) -> &StepPart {
        &self.part
    }

    pub(crate) const fn part_mut(&mut self) -> &mut StepPart {
        &mut self.part
    }

    pub(crate) const fn retry(&self) -> Retry {
        self.retry
    }

    /// The handlers of a step that takes its messages together. The events of a join come one by one.
    pub(crate) fn together(&self) -> Option<&dyn AnyLocal> {
        match &self.handlers {
            Handlers::Local(local) if local.together && self.part.on.len() == 1 => {
                Some(&*local.step)
            }
            Handlers::Local(_) | Handlers::Call(_) => None,
        }
    }

    pub(crate) fn is_bulk(&self) -> bool {
        self.together().is_some()
    }

    pub(crate) fn decode(&self, place: usize, body: &[u8]) -> Result<AnyEvent, serde_json::Error> {
        (self.decode)(place, body)
    }

    /// Returns the key of the repetition that an event triggers; empty for a step that runs once.
    pub(crate) fn key(&self, event: &AnyEvent) -> Result<String, Failure> {
        match (self.key)(event) {
            Some(key) => storable_key(self.part.name, key),
            None if self.repeats => Err(Failure::permanent(format!(
                "{} repeats in a saga, and its `key` gives none for this event: give each repetition the key by which \
                 its compensation finds it",
                self.part.name
            ))),
            None => Ok(NO_KEY.to_owned()),
        }
    }

    pub(crate) async fn run(
        &self,
        tx: Tx<'_>,
        events: Vec<AnyEvent>,
    ) -> Result<AnyOutcome, Failure> {
        match &self.handlers {
            Handlers::Local(local) => local.step.run(tx, events).await,
            Handlers::Call(call) => call.step.request(tx, events).await,
        }
    }

    /// Returns one answer per item, given stored outcomes.
    pub(crate) async fn compensate_all(
        &self,
        mut tx: BulkTx<'_>,
        done: Vec<Item<String>>,
    ) -> Result<Vec<AnyCompensated>, Failure> {
        match &self.handlers {
            Handlers::Local(LocalHandlers { compensation: Some(compensation), .. }) => {
                compensation.compensate_all(tx, done).await
            }
            Handlers::Call(CallHandlers { compensation: Some(compensation), .. }) => {
                let mut compensated = Vec::with_capacity(done.len());
                for item in &done {
                    compensated.push(compensation.request(tx.of(item), &item.event).await?);
                }
                Ok(compensated)
            }
            Handlers::Local(_) | Handlers::Call(_) => Err(no_compensation(self.part.name)),
        }
    }

    pub(crate) async fn touches(
        &self,
        db: &mut PgConnection,
        on: Vec<Item<&AnyEvent>>,
    ) -> Result<Rows, Failure> {
        match &self.handlers {
            Handlers::Local(local) => local.step.touches(db, on).await,
            Handlers::Call(_) => Ok(Rows::none()),
        }
    }

    pub(crate) async fn compensate_touches(
        &self,
        db: &mut PgConnection,
        done: Vec<Item<String>>,
    ) -> Result<Rows, Failure> {
        match &self.handlers {
            Handlers::Local(LocalHandlers { compensation: Some(compensation), .. }) => {
                compensation.touches(db, done).await
            }
            Handlers::Local(_) | Handlers::Call(_) => Ok(Rows::none()),
        }
    }
}

/// A step without its type, as the builder collects it.
pub struct ErasedStep {
    pub(crate) step: AnyStep,
    pub(crate) events: Vec<EventSchema>,
}

impl ErasedStep {
    pub(crate) fn new<On: Trigger, D: Event, R: Event>(
        name: &'static str,
        kind: StepKind,
        retry: Retry,
        key: fn(&On::Single) -> Option<String>,
        handlers: Handlers,
    ) -> Self {
        let part = StepPart {
            refused: R::TYPE.if_any(),
            runs: if matches!(handlers, Handlers::Call(_)) {
                Runs::CallsOutside
            } else {
                Runs::Here
            },
            retried_for: retry.time_unless_default(),
            ..StepPart::new(name, kind, On::types(), D::TYPE)
        };
        let key = Box::new(move |event: &AnyEvent| event.downcast_ref().and_then(key));
        let step = AnyStep { part, retry, decode: On::decode, key, repeats: false, handlers };
        let mut events = On::schemas();
        events.extend([EventSchema::of::<D>(), EventSchema::of::<R>()]);
        Self { step, events }
    }

    /// Sets where its outcome comes from.
    pub(crate) const fn runs(mut self, runs: Runs) -> Self {
        self.step.part.runs = runs;
        self
    }

    /// Lets it repeat in a saga, each time under another key.
    pub(crate) const fn repeating(mut self) -> Self {
        self.step.repeats = true;
        self
    }

    pub(crate) fn compensated<E: Event>(mut self) -> Self {
        self.step.part.compensated = E::TYPE.if_any();
        self.events.push(EventSchema::of::<E>());
        self
    }
}

impl fmt::Debug for ErasedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ErasedStep").field(self.step.part()).finish()
    }
}
