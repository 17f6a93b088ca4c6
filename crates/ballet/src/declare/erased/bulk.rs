//! Bulk steps without their types.

use ballet_core::{AnyEvent, StepPart, Trigger};
use sqlx::PgConnection;

use crate::declare::bulk::{BulkCompensate, BulkStep, BulkTx};
use crate::declare::erased::any::{
    AnyBulk, AnyCompensated, AnyOutcome, AnyStep, CompensateTouches, Future, no_compensation,
    no_rows,
};
use crate::declare::erased::codec::{assemble, decode_all, encode_compensated, encode_outcome};
use crate::declare::failure::Failure;
use crate::declare::item::Item;
use crate::declare::retry::Retry;
use crate::declare::row_locks::Rows;
use crate::declare::tx::Tx;

type Compensation<S> =
    for<'a> fn(&'a S, BulkTx<'a>, Vec<Item<String>>) -> Future<'a, Vec<AnyCompensated>>;

/// How a [`BulkStep`] is undone.
pub(crate) struct BulkCompensation<S> {
    run: Compensation<S>,
    touches: CompensateTouches,
}

/// A [`BulkStep`], with its compensation if it has one.
pub(crate) struct BulkLocalStep<S> {
    pub(crate) step: S,
    pub(crate) part: StepPart,
    pub(crate) undo: Option<BulkCompensation<S>>,
}

impl<S: BulkStep> AnyBulk for BulkLocalStep<S> {
    fn run_all<'a>(
        &'a self,
        mut tx: BulkTx<'a>,
        items: Vec<Item<AnyEvent>>,
    ) -> Future<'a, Vec<AnyOutcome>> {
        Box::pin(async move {
            let assemble = |event| assemble::<S::On>(S::NAME, vec![event]);
            let on: Vec<_> =
                items.into_iter().map(|item| item.try_map(assemble)).collect::<Result<_, _>>()?;
            let items = on.len();
            let outcomes = self.step.run(&mut tx, on).await?;
            one_each(S::NAME, "outcomes", items, outcomes.len())?;
            outcomes.into_iter().map(encode_outcome).collect()
        })
    }

    fn compensate_all<'a>(
        &'a self,
        tx: BulkTx<'a>,
        done: Vec<Item<String>>,
    ) -> Future<'a, Vec<AnyCompensated>> {
        match &self.undo {
            Some(compensation) => (compensation.run)(&self.step, tx, done),
            None => no_compensation(S::NAME),
        }
    }
}

impl<S: BulkCompensate> BulkCompensation<S> {
    pub(crate) fn of() -> Self {
        Self {
            run: |step, mut tx, done| {
                Box::pin(async move {
                    let done = decode_all::<S::Done>(S::NAME, done)?;
                    let items = done.len();
                    let undone = step.compensate(&mut tx, done).await?;
                    one_each(S::NAME, "answers of its compensation", items, undone.len())?;
                    undone.into_iter().map(encode_compensated).collect()
                })
            },
            touches: |db, done| {
                Box::pin(async move {
                    let done = decode_all::<S::Done>(S::NAME, done)?;
                    S::compensate_touches(db, &done).await
                })
            },
        }
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

/// Runs a bulk step for a single item, for example for a single compensation.
impl<S: BulkStep> AnyStep for BulkLocalStep<S> {
    fn part(&self) -> &StepPart {
        &self.part
    }

    fn part_mut(&mut self) -> &mut StepPart {
        &mut self.part
    }

    fn retry(&self) -> Retry {
        S::RETRY
    }

    fn decode(&self, place: usize, body: &[u8]) -> Result<AnyEvent, serde_json::Error> {
        <S::On as Trigger>::decode(place, body)
    }

    fn key(&self, event: &AnyEvent) -> String {
        event.downcast_ref::<S::On>().and_then(S::key).unwrap_or_default()
    }

    fn run<'a>(&'a self, tx: Tx<'a>, events: Vec<AnyEvent>) -> Future<'a, AnyOutcome> {
        Box::pin(async move {
            let items = events.into_iter().map(|event| tx.item(event)).collect::<Result<_, _>>()?;
            only(self.run_all(BulkTx::new(tx), items).await?)
        })
    }

    fn compensate<'a>(&'a self, tx: Tx<'a>, done: &'a str) -> Future<'a, AnyCompensated> {
        Box::pin(async move {
            let items = vec![tx.item(done.to_owned())?];
            only(self.compensate_all(BulkTx::new(tx), items).await?)
        })
    }

    fn touches<'a>(
        &'a self,
        db: &'a mut PgConnection,
        on: Vec<Item<&'a AnyEvent>>,
    ) -> Future<'a, Rows> {
        let on: Vec<Item<&S::On>> = on.iter().filter_map(Item::downcast).collect();
        Box::pin(async move { S::touches(db, &on).await })
    }

    fn compensate_touches<'a>(
        &'a self,
        db: &'a mut PgConnection,
        done: Vec<Item<String>>,
    ) -> Future<'a, Rows> {
        match &self.undo {
            Some(compensation) => (compensation.touches)(db, done),
            None => no_rows(),
        }
    }

    fn bulk(&self) -> Option<&dyn AnyBulk> {
        Some(self)
    }
}

fn only<T>(mut all: Vec<T>) -> Result<T, Failure> {
    all.pop().ok_or_else(|| Failure::permanent("an empty run has no outcome"))
}
