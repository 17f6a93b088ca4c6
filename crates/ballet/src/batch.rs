//! A batch: what a lane does in one transaction.
//!
//! Lock the sagas, insert into the inbox with de-duplication, read the ledger; run the handlers in
//! the order of delivery; write ledger, calls and outbox; commit. Only then is anything published
//! or acknowledged.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use ballet_core::{Envelope, MessageId, SagaId};
use bytes::Bytes;
use futures_util::FutureExt;
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use tracing::Instrument;

use crate::batch_id::BatchId;
use crate::calls;
use crate::engine::{Engine, answered};
use crate::fault::{self, FaultPoint};
use crate::message::{Message, Work};
use crate::registry::Handler;
use crate::rows;
use crate::run;
use crate::saga::Effect;
use crate::tx::Encoded;
use crate::unit_of_work::UnitOfWork;
use crate::{Abort, CallKey, Failure};

/// Why a batch rolled back.
#[derive(Debug)]
pub(crate) struct BatchFailure {
    /// Whose handler failed; `None` if it was nobody's in particular.
    pub(crate) culprit: Option<usize>,
    /// The handler that failed.
    pub(crate) handler: Option<&'static str>,
    pub(crate) failure: Failure,
}

impl BatchFailure {
    pub(crate) fn of_work(at: usize, failure: Failure) -> Self {
        Self { culprit: Some(at), handler: None, failure }
    }

    pub(crate) fn of_step(step: &'static str, failure: Failure) -> Self {
        Self { culprit: None, handler: Some(step), failure }
    }
}

impl From<Failure> for BatchFailure {
    fn from(failure: Failure) -> Self {
        Self { culprit: None, handler: None, failure }
    }
}

/// What a lane keeps from one batch to the next.
#[derive(Default)]
pub(crate) struct Kept {
    /// Its connection. Whenever one comes back, the pool asks whether it still works, which costs as
    /// much as a small batch's own statements. One on which a batch failed does go back.
    pub(crate) connection: Option<PoolConnection<Postgres>>,
    /// The events of the last batch, if it had any.
    pub(crate) emitted: Option<BatchId>,
}

/// Runs a batch, with the marks that wait. On an error nothing of it has happened, unless the
/// connection was lost during the commit: then the inbox knows.
pub(crate) async fn run(
    engine: &Arc<Engine>,
    works: &mut [Work],
    kept: &mut Kept,
) -> Result<(), BatchFailure> {
    let marks = engine.relay.take_marks();
    let span = tracing::info_span!("batch", service = engine.registry.service, size = works.len());
    match in_one_transaction(engine, works, &marks, kept).instrument(span).await {
        Ok(()) => {
            engine.relay.marks_committed(&marks);
            Ok(())
        }
        Err(failure) => {
            engine.relay.give_back(marks);
            Err(failure)
        }
    }
}

async fn in_one_transaction(
    engine: &Arc<Engine>,
    works: &mut [Work],
    marks: &[crate::outbox::Mark],
    kept: &mut Kept,
) -> Result<(), BatchFailure> {
    let mut counted = Counted::default();
    let mut connection = match kept.connection.take() {
        Some(connection) => connection,
        None => answered(engine.pool.acquire()).await?,
    };
    let mut unit = UnitOfWork::begin_on(Arc::clone(engine), &mut connection).await?;
    fault::point(FaultPoint::AfterBegin, &*works);
    let sagas: Vec<SagaId> = works.iter().filter_map(Work::saga).collect();
    let ids: Vec<MessageId> = works.iter().filter_map(message_id).collect();
    let mut fresh = unit.receive(&sagas, &ids).await?;
    let answers: Vec<(CallKey, &str)> = works.iter().filter_map(answer).collect();
    let now = unit.scope.now;
    let mut open = answered(calls::close(unit.db(), &answers, now)).await?;

    let mut live = Vec::with_capacity(works.len());
    for (at, work) in works.iter().enumerate() {
        match work {
            Work::Message(message) if fresh.remove(&message.envelope.message_id) => live.push(at),
            Work::Answer(answer) if open.remove(&answer.call.key) => live.push(at),
            Work::Message(message) => {
                counted.add(message.envelope.event_type.name(), "duplicate");
            }
            Work::Answer(_) => {}
        }
    }
    rows::lock_named(&mut unit, works, &live).await?;

    for run in run::plan(live.iter().map(|at| run::Place::of(*at, &works[*at]))) {
        run::handle(&mut unit, works, &run, &mut counted).await?;
    }
    let emitted = unit.commit(marks).await?;
    *kept = Kept { connection: Some(connection), emitted };
    counted.publish();
    Ok(())
}

/// What became of messages; it counts once the transaction has committed.
#[derive(Default)]
pub(crate) struct Counted(Vec<(&'static str, &'static str)>);

impl Counted {
    fn add(&mut self, event_type: &'static str, outcome: &'static str) {
        self.0.push((event_type, outcome));
    }

    pub(crate) fn handled(&mut self, event_type: &'static str, effect: Effect) {
        let outcome = match effect {
            Effect::Handled => "handled",
            Effect::Refused => "refused",
            Effect::Nothing => "nothing",
        };
        self.add(event_type, outcome);
    }

    fn publish(self) {
        for (event_type, outcome) in self.0 {
            metrics::counter!("ballet_messages_total", "type" => event_type, "outcome" => outcome)
                .increment(1);
        }
    }
}

/// Commits the tombstones that an abort leaves, and nothing else of it.
pub(crate) async fn entomb(
    engine: &Arc<Engine>,
    envelope: &Envelope,
    body: &[u8],
) -> Result<(), Failure> {
    let Some(saga_id) = envelope.saga_id else { return Ok(()) };
    let mut unit = UnitOfWork::begin(Arc::clone(engine)).await?;
    unit.receive(&[saga_id], &[]).await?;
    unit.enter(Some(saga_id), Some(envelope.message_id), envelope.traceparent.clone());
    let body = Bytes::copy_from_slice(body);
    unit.entomb(saga_id, Encoded { event_type: envelope.event_type, body });
    unit.commit(&[]).await.map(drop)
}

fn message_id(work: &Work) -> Option<MessageId> {
    match work {
        Work::Message(message) => Some(message.envelope.message_id),
        Work::Answer(_) => None,
    }
}

fn answer(work: &Work) -> Option<(CallKey, &str)> {
    match work {
        Work::Message(_) => None,
        Work::Answer(answer) => Some((answer.call.key, &answer.answer)),
    }
}

/// Runs one of a message's handlers.
pub(crate) async fn handle(
    unit: &mut UnitOfWork<'_>,
    handler: &Handler,
    at: usize,
    message: &mut Message,
) -> Result<Effect, Failure> {
    let event = message.event(at)?;
    if let Handler::Projection(projection) = handler {
        projection.apply(unit.tx(), event).await?;
        return Ok(Effect::Handled);
    }
    let saga_id = message.envelope.saga_id.ok_or_else(|| {
        Failure::permanent(format!("{} came without a saga", message.envelope.event_type))
    })?;
    match handler {
        Handler::Step { saga, step, place } => {
            unit.trigger(saga, step, *place, saga_id, event, message.body()).await
        }
        Handler::Abort { saga } => {
            let body = Bytes::copy_from_slice(message.body());
            let fact = Encoded { event_type: message.envelope.event_type, body };
            unit.abort_here(saga, saga_id, fact).await
        }
        Handler::Refusal { saga, refusal } => {
            let fact = refusal.fact(event)?;
            let abort = unit.abort_as_owner(saga, saga_id, fact).await?;
            if abort == Abort::TooLate {
                tracing::error!(saga = %saga_id, "{} came after the pivot: check the graph's rules", message.envelope.event_type);
            }
            Ok(if abort == Abort::Aborted { Effect::Handled } else { Effect::Nothing })
        }
        // The pivot may have been quicker, and mostly was.
        Handler::Deadline { saga, passed } => {
            let abort = unit.abort_as_owner(saga, saga_id, passed.fact(event)?).await?;
            Ok(if abort == Abort::Aborted { Effect::Handled } else { Effect::Nothing })
        }
        Handler::KeyedUndo { saga, undo } => {
            let key = undo.key(event)?;
            let body = Bytes::copy_from_slice(message.body());
            let event = Encoded { event_type: message.envelope.event_type, body };
            unit.undo_key(saga, undo.step(), &key, saga_id, event).await
        }
        Handler::Projection(_) => Ok(Effect::Nothing),
    }
}

/// A handler that hangs fails, and is rolled back like any other.
pub(crate) async fn limited<T>(
    engine: &Engine,
    handler: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let limit = engine.handler_time;
    tokio::time::timeout(limit, guarded(handler)).await.unwrap_or_else(|_| {
        Err(Failure::transient(format!("the handler was not done within {limit:?}")))
    })
}

/// A handler that panics fails; the lane lives on.
pub(crate) async fn guarded<T>(
    handler: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    AssertUnwindSafe(handler).catch_unwind().await.unwrap_or_else(|panic| {
        Err(Failure::transient(format!("the handler panicked: {}", words(&*panic))))
    })
}

/// What a panic says.
pub(crate) fn words(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}
