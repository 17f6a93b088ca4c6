//! Ordinary steps without their types.

use ballet_core::{AnyEvent, StepPart, Trigger};
use sqlx::PgConnection;

use crate::declare::erased::any::{
    AnyCompensated, AnyOutcome, AnyStep, CompensateTouches, Compensation, Future, no_compensation,
    no_rows,
};
use crate::declare::erased::codec::{
    assemble, decode_all, decode_stored, encode_compensated, encode_outcome,
};
use crate::declare::item::Item;
use crate::declare::retry::Retry;
use crate::declare::row_locks::Rows;
use crate::declare::step::{Compensate, Step};
use crate::declare::tx::Tx;

/// A [`Step`], with its compensation if it has one.
pub(crate) struct LocalStep<S> {
    pub(crate) step: S,
    pub(crate) part: StepPart,
    pub(crate) undo: Option<LocalCompensation<S>>,
}

/// How a [`Step`] is undone.
pub(crate) struct LocalCompensation<S> {
    run: Compensation<S>,
    touches: CompensateTouches,
}

impl<S: Compensate> LocalCompensation<S> {
    pub(crate) fn of() -> Self {
        Self {
            run: |step, mut tx, done| {
                Box::pin(async move {
                    let done = decode_stored::<S::Done>(S::NAME, "outcome", done)?;
                    encode_compensated(step.compensate(&mut tx, done).await?)
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

impl<S: Step> AnyStep for LocalStep<S> {
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
        S::On::decode(place, body)
    }

    fn key(&self, event: &AnyEvent) -> String {
        event.downcast_ref::<S::On>().and_then(S::key).unwrap_or_default()
    }

    fn run<'a>(&'a self, mut tx: Tx<'a>, events: Vec<AnyEvent>) -> Future<'a, AnyOutcome> {
        Box::pin(async move {
            let on = assemble::<S::On>(S::NAME, events)?;
            encode_outcome(self.step.run(&mut tx, on).await?)
        })
    }

    fn compensate<'a>(&'a self, tx: Tx<'a>, done: &'a str) -> Future<'a, AnyCompensated> {
        match &self.undo {
            Some(compensation) => (compensation.run)(&self.step, tx, done),
            None => no_compensation(S::NAME),
        }
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
}
