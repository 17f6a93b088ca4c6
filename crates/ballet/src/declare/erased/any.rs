//! What the engine asks of a step, whatever its type.

use std::sync::Arc;

use ballet_core::{AnyEvent, StepPart};
use futures_util::future::BoxFuture;
use sqlx::PgConnection;

use crate::declare::bulk::BulkTx;
use crate::declare::call_step::CallKey;
use crate::declare::event::Encoded;
use crate::declare::failure::Failure;
use crate::declare::item::Item;
use crate::declare::retry::Retry;
use crate::declare::row_locks::Rows;
use crate::declare::tx::Tx;

/// How a step ended, or that it waits for an answer from outside.
#[derive(Debug)]
pub(crate) enum AnyOutcome {
    Done(Encoded),
    Refused(Encoded),
    Call(String),
}

/// How a compensation ended, or that it waits for an answer from outside.
#[derive(Debug)]
pub(crate) enum AnyCompensated {
    With(Encoded),
    Silently,
    Call(String),
}

pub(crate) type Future<'a, T> = BoxFuture<'a, Result<T, Failure>>;

pub(crate) trait AnyStep: Send + Sync {
    fn part(&self) -> &StepPart;
    fn retry(&self) -> Retry;
    fn decode(&self, place: usize, body: &[u8]) -> Result<AnyEvent, serde_json::Error>;
    /// The key of the repetition that an event triggers; empty if there is none.
    fn key(&self, event: &AnyEvent) -> String;
    fn run<'a>(&'a self, tx: Tx<'a>, events: Vec<AnyEvent>) -> Future<'a, AnyOutcome>;
    fn compensate<'a>(&'a self, tx: Tx<'a>, done: &'a str) -> Future<'a, AnyCompensated>;
    /// Asks outside, for the step or for its undo.
    fn call<'a>(&'a self, _undo: bool, _: CallKey, _request: &'a str) -> Future<'a, String> {
        calls_nobody(self.part().name)
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
    /// Names the rows that the step will touch, given triggers of it.
    fn touches<'a>(
        &'a self,
        _: &'a mut PgConnection,
        _on: Vec<Item<&'a AnyEvent>>,
    ) -> Future<'a, Rows> {
        no_rows()
    }
    /// Names the rows that its compensation will touch, given stored outcomes.
    fn compensate_touches<'a>(
        &'a self,
        _: &'a mut PgConnection,
        _done: Vec<Item<String>>,
    ) -> Future<'a, Rows> {
        no_rows()
    }
    /// The step as one that takes runs, if it is one.
    fn bulk(&self) -> Option<&dyn AnyBulk> {
        None
    }
}

/// A step that takes runs.
pub(crate) trait AnyBulk: Send + Sync {
    /// Runs it: as many outcomes as items.
    fn run_all<'a>(
        &'a self,
        tx: BulkTx<'a>,
        items: Vec<Item<AnyEvent>>,
    ) -> Future<'a, Vec<AnyOutcome>>;
    /// Undoes it, given the stored outcomes: as many answers as items.
    fn compensate_all<'a>(
        &'a self,
        tx: BulkTx<'a>,
        done: Vec<Item<String>>,
    ) -> Future<'a, Vec<AnyCompensated>>;
}

/// A step in the builder's hands.
pub struct ErasedStep(pub(crate) Arc<dyn AnyStep>);

impl std::fmt::Debug for ErasedStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ErasedStep").field(self.0.part()).finish()
    }
}

fn calls_nobody<'a, T: Send + 'a>(name: &'static str) -> Future<'a, T> {
    Box::pin(async move {
        Err(Failure::permanent(format!("{name} is declared without a call to the outside")))
    })
}

pub(crate) type Compensation<S> = for<'a> fn(&'a S, Tx<'a>, &'a str) -> Future<'a, AnyCompensated>;
/// Names the rows that undoing will touch, given the stored outcomes.
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
