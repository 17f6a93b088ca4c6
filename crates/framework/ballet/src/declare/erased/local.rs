//! Ordinary steps without their types.

use std::sync::Arc;

use ballet_core::AnyEvent;
use sqlx::PgConnection;

use crate::declare::erased::codec::{
    assemble, decode_all, encode_compensated, encode_outcome, single,
};
use crate::declare::erased::outcome::{AnyCompensated, AnyOutcome, Future};
use crate::declare::handler::item::Item;
use crate::declare::handler::tx::Tx;
use crate::declare::step::bulk::{ANSWERS, BulkTx, OUTCOMES, not_one_each};
use crate::declare::step::row_locks::Rows;
use crate::declare::step::step::{Compensate, Step, StepError};

pub(crate) struct LocalHandlers {
    pub(crate) together: bool,
    pub(crate) step: Arc<dyn AnyLocal>,
    pub(crate) compensation: Option<Arc<dyn AnyLocalCompensation>>,
}

pub(crate) trait AnyLocal: Send + Sync {
    fn run<'a>(&'a self, tx: Tx<'a>, events: Vec<AnyEvent>) -> Future<'a, AnyOutcome>;
    /// Runs the step for several messages, none of a join. Returns one outcome per item.
    fn run_all<'a>(
        &'a self,
        tx: BulkTx<'a>,
        items: Vec<Item<AnyEvent>>,
    ) -> Future<'a, Vec<AnyOutcome>>;
    fn touches<'a>(
        &'a self,
        db: &'a mut PgConnection,
        on: Vec<Item<&'a AnyEvent>>,
    ) -> Future<'a, Rows>;
}

pub(crate) trait AnyLocalCompensation: Send + Sync {
    /// Returns one answer per item, given stored outcomes.
    fn compensate_all<'a>(
        &'a self,
        tx: BulkTx<'a>,
        done: Vec<Item<String>>,
    ) -> Future<'a, Vec<AnyCompensated>>;
    fn touches<'a>(&'a self, db: &'a mut PgConnection, done: Vec<Item<String>>)
    -> Future<'a, Rows>;
}

impl<S: Step> AnyLocal for S {
    fn run<'a>(&'a self, mut tx: Tx<'a>, events: Vec<AnyEvent>) -> Future<'a, AnyOutcome> {
        Box::pin(async move {
            let on = assemble::<S::On>(S::NAME, events)?;
            encode_outcome(StepError::outcome(Step::run(self, &mut tx, on).await)?)
        })
    }

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
            let outcomes = Step::run_all(self, &mut tx, on).await?;
            if outcomes.len() != items {
                return Err(not_one_each(S::NAME, OUTCOMES, items, outcomes.len()));
            }
            outcomes.into_iter().map(encode_outcome).collect()
        })
    }

    fn touches<'a>(
        &'a self,
        db: &'a mut PgConnection,
        on: Vec<Item<&'a AnyEvent>>,
    ) -> Future<'a, Rows> {
        let on: Vec<Item<&S::On>> = on.iter().filter_map(Item::downcast).collect();
        Box::pin(async move { <S as Step>::touches(db, &on).await })
    }
}

impl<S: Compensate> AnyLocalCompensation for S {
    fn compensate_all<'a>(
        &'a self,
        mut tx: BulkTx<'a>,
        done: Vec<Item<String>>,
    ) -> Future<'a, Vec<AnyCompensated>> {
        Box::pin(async move {
            let done = decode_all::<S::Done>(S::NAME, done)?;
            let items = done.len();
            let compensated = Compensate::compensate_all(self, &mut tx, done).await?;
            if compensated.len() != items {
                return Err(not_one_each(S::NAME, ANSWERS, items, compensated.len()));
            }
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
