//! Ordinary steps without their types.

use std::sync::Arc;

use ballet_core::AnyEvent;
use sqlx::PgConnection;

use crate::declare::erased::codec::{
    assemble, decode_all, decode_stored, encode_compensated, encode_outcome,
};
use crate::declare::erased::outcome::{AnyCompensated, AnyOutcome, Future};
use crate::declare::handler::item::Item;
use crate::declare::handler::tx::Tx;
use crate::declare::step::row_locks::Rows;
use crate::declare::step::step::{Compensate, Step};

/// A [`Step`], with its compensation if it has one.
pub(crate) struct LocalHandlers {
    pub(crate) step: Arc<dyn AnyLocal>,
    pub(crate) compensation: Option<Arc<dyn AnyLocalCompensation>>,
}

/// A [`Step`] of any type.
pub(crate) trait AnyLocal: Send + Sync {
    fn run<'a>(&'a self, tx: Tx<'a>, events: Vec<AnyEvent>) -> Future<'a, AnyOutcome>;
    /// Names the rows that the step will touch, given its triggers.
    fn touches<'a>(
        &'a self,
        db: &'a mut PgConnection,
        on: Vec<Item<&'a AnyEvent>>,
    ) -> Future<'a, Rows>;
}

/// The compensation of a [`Step`] of any type.
pub(crate) trait AnyLocalCompensation: Send + Sync {
    fn compensate<'a>(&'a self, tx: Tx<'a>, done: &'a str) -> Future<'a, AnyCompensated>;
    /// Names the rows that the compensation will touch, given stored outcomes.
    fn touches<'a>(&'a self, db: &'a mut PgConnection, done: Vec<Item<String>>)
    -> Future<'a, Rows>;
}

impl<S: Step> AnyLocal for S {
    fn run<'a>(&'a self, mut tx: Tx<'a>, events: Vec<AnyEvent>) -> Future<'a, AnyOutcome> {
        Box::pin(async move {
            let on = assemble::<S::On>(S::NAME, events)?;
            encode_outcome(Step::run(self, &mut tx, on).await?)
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
    fn compensate<'a>(&'a self, mut tx: Tx<'a>, done: &'a str) -> Future<'a, AnyCompensated> {
        Box::pin(async move {
            let done = decode_stored::<S::Done>(S::NAME, "outcome", done)?;
            encode_compensated(Compensate::compensate(self, &mut tx, done).await?)
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
