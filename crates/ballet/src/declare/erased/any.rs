//! The object-safe traits through which the engine runs steps of any type.

use std::time::Duration;

use ballet_core::{AnyEvent, Event, EventSchema, StepPart, Trigger};
use ballet_store::calls::key::CallKey;
use ballet_store::ledger::event::Encoded;
use futures_util::future::BoxFuture;
use sqlx::PgConnection;

use crate::declare::bulk::BulkTx;
use crate::declare::failure::Failure;
use crate::declare::item::Item;
use crate::declare::retry::Retry;
use crate::declare::row_locks::Rows;
use crate::declare::tx::Tx;

/// The outcome of a step, or the call that it waits for.
#[derive(Debug)]
pub(crate) enum AnyOutcome {
    Done(Encoded),
    Refused(Encoded),
    Call(String),
}

/// The outcome of a compensation, or the call that it waits for.
#[derive(Debug)]
pub(crate) enum AnyCompensated {
    With(Encoded),
    Silently,
    Call(String),
}

pub(crate) type Future<'a, T> = BoxFuture<'a, Result<T, Failure>>;

pub(crate) trait AnyStep: Send + Sync {
    fn part(&self) -> &StepPart;
    fn part_mut(&mut self) -> &mut StepPart;
    fn retry(&self) -> Retry;
    fn decode(&self, place: usize, body: &[u8]) -> Result<AnyEvent, serde_json::Error>;
    /// Returns the key of the repetition that an event triggers; empty if there is none.
    fn key(&self, event: &AnyEvent) -> String;
    fn run<'a>(&'a self, tx: Tx<'a>, events: Vec<AnyEvent>) -> Future<'a, AnyOutcome>;
    fn compensate<'a>(&'a self, tx: Tx<'a>, done: &'a str) -> Future<'a, AnyCompensated>;
    /// Returns how long one attempt at the external call may take.
    fn call_time(&self) -> Duration {
        Duration::ZERO
    }
    /// Makes the external call of the step or of its compensation.
    fn call<'a>(&'a self, _undo: bool, _: CallKey, _request: &'a str) -> Future<'a, String> {
        calls_nobody(self.part().name)
    }
    /// Whether the step can look up what became of its call.
    fn looks_up(&self) -> bool {
        false
    }
    /// Looks up what became of the external call of the step or of its compensation; `None` if nothing
    /// was done.
    fn look_up<'a>(
        &'a self,
        _undo: bool,
        _: CallKey,
        _request: &'a str,
    ) -> Future<'a, Option<String>> {
        calls_nobody(self.part().name)
    }
    /// Returns the answer that stands for a request which the other side does not take.
    fn not_taken(&self, _request: &str, _why: &str) -> Result<Option<String>, Failure> {
        Ok(None)
    }
    /// Returns how long the other side remembers a key.
    fn keys_kept(&self) -> Option<Duration> {
        None
    }
    fn answered<'a>(
        &'a self,
        _: Tx<'a>,
        _request: &'a str,
        _answer: &'a str,
    ) -> Future<'a, AnyOutcome> {
        calls_nobody(self.part().name)
    }
    fn compensate_answered<'a>(
        &'a self,
        _: Tx<'a>,
        _request: &'a str,
        _answer: &'a str,
    ) -> Future<'a, AnyCompensated> {
        calls_nobody(self.part().name)
    }
    /// Names the rows that the step will touch, given its triggers.
    fn touches<'a>(
        &'a self,
        _: &'a mut PgConnection,
        _on: Vec<Item<&'a AnyEvent>>,
    ) -> Future<'a, Rows> {
        no_rows()
    }
    /// Names the rows that the compensation will touch, given stored outcomes.
    fn compensate_touches<'a>(
        &'a self,
        _: &'a mut PgConnection,
        _done: Vec<Item<String>>,
    ) -> Future<'a, Rows> {
        no_rows()
    }
    /// Returns the step as a bulk step, if it is one.
    fn bulk(&self) -> Option<&dyn AnyBulk> {
        None
    }
}

/// A step that handles runs.
pub(crate) trait AnyBulk: Send + Sync {
    /// Runs the step. Returns one outcome per item.
    fn run_all<'a>(
        &'a self,
        tx: BulkTx<'a>,
        items: Vec<Item<AnyEvent>>,
    ) -> Future<'a, Vec<AnyOutcome>>;
    /// Undoes the step, given the stored outcomes. Returns one answer per item.
    fn compensate_all<'a>(
        &'a self,
        tx: BulkTx<'a>,
        done: Vec<Item<String>>,
    ) -> Future<'a, Vec<AnyCompensated>>;
}

/// A step without its type, as the builder collects it.
pub struct ErasedStep {
    pub(crate) step: Box<dyn AnyStep>,
    /// Its events, for the service's contract.
    pub(crate) events: Vec<EventSchema>,
}

impl ErasedStep {
    /// Erases a step with these triggers and outcomes.
    pub(crate) fn new<On: Trigger, D: Event, R: Event>(step: impl AnyStep + 'static) -> Self {
        let mut events = On::schemas();
        events.extend([EventSchema::of::<D>(), EventSchema::of::<R>()]);
        Self { step: Box::new(step), events }
    }

    /// Adds the event of its compensation.
    pub(crate) fn compensated<E: Event>(mut self) -> Self {
        self.events.push(EventSchema::of::<E>());
        self
    }
}

impl std::fmt::Debug for ErasedStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ErasedStep").field(self.step.part()).finish()
    }
}

fn calls_nobody<'a, T: Send + 'a>(name: &'static str) -> Future<'a, T> {
    Box::pin(async move {
        Err(Failure::permanent(format!("{name} is declared without an external call")))
    })
}

pub(crate) type Compensation<S> = for<'a> fn(&'a S, Tx<'a>, &'a str) -> Future<'a, AnyCompensated>;
/// Names the rows that the compensation will touch, given the stored outcomes.
pub(crate) type CompensateTouches =
    for<'a> fn(&'a mut PgConnection, Vec<Item<String>>) -> Future<'a, Rows>;

pub(crate) fn no_rows<'a>() -> Future<'a, Rows> {
    Box::pin(async { Ok(Rows::none()) })
}

pub(crate) fn no_compensation<'a, T: Send + 'a>(name: &'static str) -> Future<'a, T> {
    Box::pin(async move {
        Err(Failure::permanent(format!("{name} is declared without a compensation")))
    })
}
