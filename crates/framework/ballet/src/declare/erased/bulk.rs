//! Bulk steps without their types.

use std::sync::Arc;

use ballet_core::AnyEvent;
use sqlx::PgConnection;

use crate::declare::erased::codec::{decode_all, encode_compensated, encode_outcome, single};
use crate::declare::erased::outcome::{AnyCompensated, AnyOutcome, Future, no_compensation};
use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::Item;
use crate::declare::step::bulk::{BulkCompensate, BulkStep, BulkTx};
use crate::declare::step::row_locks::Rows;

/// A [`BulkStep`], with its compensation if it has one.
pub(crate) struct BulkHandlers {
    pub(crate) name: &'static str,
    pub(crate) step: Arc<dyn AnyBulk>,
    pub(crate) compensation: Option<Arc<dyn AnyBulkCompensation>>,
}

impl BulkHandlers {
    /// Compensates the step, given the stored outcomes. Returns one answer per item.
    pub(crate) async fn compensate_all(
        &self,
        tx: BulkTx<'_>,
        done: Vec<Item<String>>,
    ) -> Result<Vec<AnyCompensated>, Failure> {
        match &self.compensation {
            Some(compensation) => compensation.compensate_all(tx, done).await,
            None => Err(no_compensation(self.name)),
        }
    }
}

/// A [`BulkStep`] of any type.
pub(crate) trait AnyBulk: Send + Sync {
    /// Runs the step. Returns one outcome per item.
    fn run_all<'a>(
        &'a self,
        tx: BulkTx<'a>,
        items: Vec<Item<AnyEvent>>,
    ) -> Future<'a, Vec<AnyOutcome>>;
    /// Names the rows that the step will touch, given its triggers.
    fn touches<'a>(
        &'a self,
        db: &'a mut PgConnection,
        on: Vec<Item<&'a AnyEvent>>,
    ) -> Future<'a, Rows>;
}

/// The compensation of a [`BulkStep`] of any type.
pub(crate) trait AnyBulkCompensation: Send + Sync {
    /// Compensates the step, given the stored outcomes. Returns one answer per item.
    fn compensate_all<'a>(
        &'a self,
        tx: BulkTx<'a>,
        done: Vec<Item<String>>,
    ) -> Future<'a, Vec<AnyCompensated>>;
    /// Names the rows that the compensation will touch, given stored outcomes.
    fn touches<'a>(&'a self, db: &'a mut PgConnection, done: Vec<Item<String>>)
    -> Future<'a, Rows>;
}

impl<S: BulkStep> AnyBulk for S {
    fn run_all<'a>(
        &'a self,
        mut tx: BulkTx<'a>,
        items: Vec<Item<AnyEvent>>,
    ) -> Future<'a, Vec<AnyOutcome>> {
        Box::pin(async move {
            let single = |event| single::<S::On>(S::NAME, event);
            let on: Vec<_> =
                items.into_iter().map(|item| item.try_map(single)).collect::<Result<_, _>>()?;
            let items = on.len();
            let outcomes = self.run(&mut tx, on).await?;
            one_each(S::NAME, "outcomes", items, outcomes.len())?;
            outcomes.into_iter().map(encode_outcome).collect()
        })
    }

    fn touches<'a>(
        &'a self,
        db: &'a mut PgConnection,
        on: Vec<Item<&'a AnyEvent>>,
    ) -> Future<'a, Rows> {
        let on: Vec<Item<&S::On>> = on.iter().filter_map(Item::downcast).collect();
        Box::pin(async move { <S as BulkStep>::touches(db, &on).await })
    }
}

impl<S: BulkCompensate> AnyBulkCompensation for S {
    fn compensate_all<'a>(
        &'a self,
        mut tx: BulkTx<'a>,
        done: Vec<Item<String>>,
    ) -> Future<'a, Vec<AnyCompensated>> {
        Box::pin(async move {
            let done = decode_all::<S::Done>(S::NAME, done)?;
            let items = done.len();
            let compensated = self.compensate(&mut tx, done).await?;
            one_each(S::NAME, "answers of its compensation", items, compensated.len())?;
            compensated.into_iter().map(encode_compensated).collect()
        })
    }

    fn touches<'a>(
        &'a self,
        db: &'a mut PgConnection,
        done: Vec<Item<String>>,
    ) -> Future<'a, Rows> {
        Box::pin(async move {
            let done = decode_all::<S::Done>(S::NAME, done)?;
            S::compensate_touches(db, &done).await
        })
    }
}

/// Checks that a step returned one result per item. Otherwise the results cannot be matched to
/// items.
fn one_each(name: &str, what: &str, items: usize, given: usize) -> Result<(), Failure> {
    if items == given {
        return Ok(());
    }
    Err(Failure::permanent(format!(
        "{name} received {items} items and returned {given} {what}: return one per item, in the \
         order of the items"
    )))
}
