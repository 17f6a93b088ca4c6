//! Watches without their types. The engine treats them as calls whose answer is in the service's own rows.

use std::sync::Arc;
use std::time::Duration;

use ballet_core::{AnyEvent, Never, Runs, StepKind};
use ballet_store::calls::key::CallKey;

use crate::declare::erased::call::{AnyCall, AnyWatch, CallHandlers};
use crate::declare::erased::codec::assemble;
use crate::declare::erased::outcome::{AnyOutcome, Future};
use crate::declare::erased::step::{ErasedStep, Handlers};
use crate::declare::handler::failure::Failure;
use crate::declare::handler::json::encoded;
use crate::declare::handler::tx::Tx;
use crate::declare::step::watch::{Look, Watch};

const LOOK_TIME: Duration = Duration::from_secs(5);
/// The shortest time from one look to the next.
const PAUSE: Duration = Duration::from_secs(1);
/// A watch has no request of its own, since it looks at rows.
const NO_REQUEST: &str = "null";

pub(crate) fn watching<W: Watch>(watch: W) -> ErasedStep {
    let step = Arc::new(WatchStep(watch));
    let handlers = Handlers::Call(CallHandlers { name: W::NAME, step, compensation: None });
    ErasedStep::new::<W::On, W::Done, Never>(
        W::NAME,
        StepKind::Retriable,
        W::RETRY,
        |_| None,
        handlers,
    )
    .runs(Runs::StaysOpen)
}

struct WatchStep<W>(W);

impl<W: Watch> AnyCall for WatchStep<W> {
    fn request<'a>(&'a self, mut tx: Tx<'a>, events: Vec<AnyEvent>) -> Future<'a, AnyOutcome> {
        Box::pin(async move {
            let on = assemble::<W::On>(W::NAME, events)?;
            self.0.begin(&mut tx, on).await?;
            Ok(AnyOutcome::Call(NO_REQUEST.to_owned()))
        })
    }

    fn call<'a>(&'a self, _: CallKey, _: &'a str) -> Future<'a, String> {
        Box::pin(async { Err(Failure::not_yet("its rows are looked at, nobody is called")) })
    }

    fn answered<'a>(&'a self, mut tx: Tx<'a>, _: &'a str, _: &'a str) -> Future<'a, AnyOutcome> {
        Box::pin(async move {
            sqlx::query("savepoint look").execute(tx.db()).await?;
            let published = tx.published();
            let (end, outcome) = match self.0.look(&mut tx).await? {
                Look::Over(event) => ("release savepoint look", AnyOutcome::Done(encoded(&event)?)),
                // A sign of life came between the two looks. The rest of the transaction stays.
                Look::Open(_) => {
                    tx.unpublish(published);
                    ("rollback to savepoint look", AnyOutcome::Call(NO_REQUEST.to_owned()))
                }
            };
            sqlx::query(end).execute(tx.db()).await?;
            Ok(outcome)
        })
    }

    fn misfit(&self, _: &str) -> Option<(String, String)> {
        None
    }

    fn call_time(&self) -> Duration {
        LOOK_TIME
    }

    fn watch(&self) -> Option<&dyn AnyWatch> {
        Some(self)
    }
}

impl<W: Watch> AnyWatch for WatchStep<W> {
    fn look<'a>(&'a self, mut tx: Tx<'a>) -> Future<'a, Option<Duration>> {
        Box::pin(async move {
            Ok(match self.0.look(&mut tx).await? {
                Look::Over(_) => None,
                // A time that is over is negative.
                Look::Open(again) => Some(Duration::try_from(again).unwrap_or_default().max(PAUSE)),
            })
        })
    }
}
