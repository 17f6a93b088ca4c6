//! A batch: what a lane does in one transaction.
//!
//! Lock the sagas, insert into the inbox with de-duplication, read the ledger; run the handlers in
//! the order of delivery; write ledger, calls and outbox; commit. Only then is anything published
//! or acknowledged.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ballet_amqp::BatchId;
use ballet_core::SagaId;
use ballet_fault::{self as fault, FaultPoint};
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use tracing::Instrument;

use crate::declare::call_step::CallKey;
use crate::engine::engine::Engine;
use crate::engine::failed::BatchFailure;
use crate::engine::transaction::Transaction;
use crate::lane::bulk_runs::{self, Slot};
use crate::lane::counted::Counted;
use crate::lane::message::Work;
use crate::lane::named_rows::lock_named;
use crate::lane::remembered::{self, forget_failures, new_messages};
use crate::tables::database::answered;
use crate::tables::outbox::Mark;
use crate::tables::{calls, partitions};

/// How long a lane hurries after a lock was not free in time.
const HURRY: Duration = Duration::from_secs(60);
/// The wait for a lock in the handlers of a lane that hurries. The locks of sagas and of named rows
/// are waited for longer: only batches hold them.
const A_MOMENT: &str = "set local lock_timeout = '100ms'";
const AS_USUAL: &str = "set local lock_timeout to default";

/// What a lane keeps from one batch to the next.
#[derive(Default)]
pub(crate) struct Kept {
    /// Its connection. Whenever one comes back, the pool asks whether it still works, which costs
    /// as much as a small batch's own statements. One on which a batch failed does go back.
    pub(crate) connection: Option<PoolConnection<Postgres>>,
    /// The events of the last batch, if it had any.
    pub(crate) emitted: Option<BatchId>,
    /// Until when handlers wait only a moment for a lock, because somebody holds one for long.
    hurried: Option<Instant>,
}

impl Kept {
    /// A lock was not free in time. For a while, handlers wait only a moment for one. A lock that is
    /// not free within that moment does not prolong it: it may be held for a moment only, too.
    pub(crate) fn hurry(&mut self) {
        if !self.is_hurried() {
            self.hurried = Some(Instant::now() + HURRY);
        }
    }

    pub(crate) fn is_hurried(&self) -> bool {
        self.hurried.is_some_and(|until| Instant::now() < until)
    }
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
        Err(failed) => {
            engine.relay.give_back(marks);
            if failed.failure.is_missing_partition() {
                make_partitions(engine).await;
                for work in works {
                    if let Work::Message(message) = work {
                        message.age.is_doubtful = true;
                    }
                }
            }
            Err(failed)
        }
    }
}

/// Makes the partitions that a transaction lacked. Where one is missing all the same, what belonged
/// there is forgotten.
pub(crate) async fn make_partitions(engine: &Engine) {
    let now = engine.clock.now();
    if let Err(error) = partitions::make(&engine.pool, &engine.limits, now).await {
        tracing::error!("a partition of ballet.inbox or ballet.ledger is missing: {error}");
    }
}

async fn in_one_transaction(
    engine: &Arc<Engine>,
    works: &mut [Work],
    marks: &[Mark],
    kept: &mut Kept,
) -> Result<(), BatchFailure> {
    let mut counted = Counted::default();
    let hurried = kept.is_hurried();
    let mut connection = match kept.connection.take() {
        Some(connection) => connection,
        None => answered(engine.pool.acquire()).await?,
    };
    let mut transaction = Transaction::begin_on(Arc::clone(engine), &mut connection).await?;
    fault::point(FaultPoint::AfterBegin, &*works);
    let sagas: Vec<SagaId> = works.iter().filter_map(Work::saga).collect();
    remembered::check_messages(&mut transaction, works).await?;
    let mut fresh = transaction.receive(&sagas, &new_messages(works)).await?;
    forget_failures(&mut transaction, works, &fresh).await?;
    let answers: Vec<(CallKey, &str)> = works.iter().filter_map(answer).collect();
    let now = transaction.scope.now;
    let mut open = answered(calls::close(transaction.db(), &answers, now)).await?;

    let mut live = Vec::with_capacity(works.len());
    for (at, work) in works.iter_mut().enumerate() {
        match work {
            Work::Message(message) if fresh.remove(&message.envelope.message_id) => live.push(at),
            Work::Answer(answer) if open.remove(&answer.call.key) => live.push(at),
            Work::Message(message) => {
                message.is_duplicate = true;
                counted.add(message.envelope.event_type.name(), "duplicate");
            }
            Work::Answer(_) => {}
        }
    }
    remembered::check_sagas(&mut transaction, works, &live).await?;
    lock_named(&mut transaction, works, &live).await?;
    if hurried {
        answered(sqlx::query(A_MOMENT).execute(transaction.db())).await?;
    }

    for run in bulk_runs::plan(live.iter().map(|at| Slot::of(*at, &works[*at]))) {
        bulk_runs::handle(&mut transaction, works, &run, &mut counted).await?;
    }
    if hurried {
        answered(sqlx::query(AS_USUAL).execute(transaction.db())).await?;
    }
    let emitted = transaction.commit(marks).await?;
    (kept.connection, kept.emitted) = (Some(connection), emitted);
    counted.publish();
    Ok(())
}

fn answer(work: &Work) -> Option<(CallKey, &str)> {
    match work {
        Work::Message(_) => None,
        Work::Answer(answer) => Some((answer.call.key, &answer.answer)),
    }
}
