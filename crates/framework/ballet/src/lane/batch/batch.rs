//! A batch: what a lane does in one transaction.
//!
//! Lock the sagas, insert into the inbox with de-duplication, read the ledger; run the handlers in
//! the order of delivery; write ledger, calls and outbox; commit. Only then publish and
//! acknowledge.

use std::sync::Arc;
use std::time::Instant;

use ballet_core::fault::{self, FaultPoint};
use ballet_store::calls::key::CallKey;
use ballet_store::calls::stored as calls;
use ballet_store::inbox::failures;
use ballet_store::inbox::messages as inbox;
use ballet_store::inbox::messages::NewMessage;
use ballet_store::outbox::batches::Mark;
use ballet_store::partitions;
use sqlx::PgConnection;
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use tracing::Instrument;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::{Failure, FailureKind};
use crate::engine::commit::{CommitResult, commit};
use crate::engine::engine::Engine;
use crate::engine::handlers::guard::guarded;
use crate::engine::rollback::{BatchFailure, NotCommitted};
use crate::engine::transaction::Transaction;
use crate::lane::batch::admission::admit;
use crate::lane::batch::named_rows::lock_named;
use crate::lane::batch::outcome_counts::OutcomeCounts;
use crate::lane::batch::pace::TURN;
use crate::lane::batch::runs;
use crate::lane::batch::works::{Batch, Committed};
use crate::lane::message::message::LaneWork;
use crate::lane::state::{LaneConnection, LaneState};

/// The wait for a lock in the handlers of a lane that hurries. The locks of sagas and of named rows
/// may take longer, since only batches hold them.
const A_MOMENT: &str = "set local lock_timeout = '100ms'";
const AS_USUAL: &str = "set local lock_timeout to default";

/// Runs a batch, with the marks of the outbox table that it writes to, for about one turn. On an
/// error the works come back, and nothing of them has happened, but if the connection was lost
/// during the commit only the inbox knows.
pub(crate) async fn run(
    engine: &Arc<Engine>,
    works: Vec<LaneWork>,
    kept: &mut LaneState,
) -> Result<Committed, (NotCommitted, Vec<LaneWork>)> {
    let mut connection = match kept.take_connection(engine).await {
        Ok(connection) => connection,
        Err(failure) => return Err((NotCommitted::NotBegun(failure), works)),
    };
    let marks = engine.relay.take_marks(engine.relay.turns.current());
    let span = tracing::info_span!("batch", service = engine.registry.service, size = works.len());
    let mut batch = Batch::of(works);
    let LaneConnection { db, replaced } = &mut connection;
    let ran = guarded(in_one_transaction(engine, &mut batch, &marks, kept, db));
    let ran = tokio::select! {
        biased;
        ran = ran.instrument(span) => ran,
        // A server that lost power never answers.
        error = replaced.error() => Err(NotCommitted::ServerReplaced(error.into())),
    };
    match ran {
        Ok(has_marks) => {
            match has_marks {
                true => engine.relay.marks_committed(&marks),
                false => engine.relay.give_back(marks),
            }
            kept.connection = Some(connection);
            Ok(batch.committed())
        }
        Err(failed) => {
            engine.relay.give_back(marks);
            close_if_suspect(engine, connection.db, failed.failure());
            let mut works = batch.into_works();
            if failed.failure().is_missing_partition() {
                make_partitions(engine).await;
                for message in works.iter_mut().filter_map(LaneWork::message_mut) {
                    message.age.is_doubtful = true;
                }
            }
            Err((failed, works))
        }
    }
}

/// Closes a connection that may be what failed, since its next user would fail, too.
fn close_if_suspect(engine: &Engine, mut connection: PoolConnection<Postgres>, failure: &Failure) {
    if failure.is_stale_statement() {
        engine.database.renewal.renew();
    }
    if failure.kind() == FailureKind::ConnectionLost {
        connection.close_on_drop();
    }
}

/// Makes the partitions that a transaction lacked. If one cannot be made now, the transaction fails
/// again and comes back here. If one was dropped, what belonged there is forgotten.
pub(crate) async fn make_partitions(engine: &Engine) {
    let now = engine.time.clock.now();
    if let Err(error) = partitions::make(&engine.database.upkeep, &engine.limits, now).await {
        tracing::error!(
            "a partition of ballet.inbox or ballet.ledger is missing, and cannot be made; its \
             messages are tried again: {error}"
        );
    }
}

/// Returns whether the marks are written.
async fn in_one_transaction(
    engine: &Arc<Engine>,
    batch: &mut Batch,
    marks: &[Mark],
    kept: &mut LaneState,
    connection: &mut PgConnection,
) -> Result<bool, NotCommitted> {
    loop {
        // It runs twice at most, since what is careful does not run again.
        let has_marks = once(engine, batch, marks, kept, connection).await?;
        if let Some(has_marks) = has_marks {
            return Ok(has_marks);
        }
        *batch = Batch::of(std::mem::take(batch).into_works());
    }
}

/// Returns whether the marks are written, or `None` if it was rolled back to run with care.
async fn once(
    engine: &Arc<Engine>,
    batch: &mut Batch,
    marks: &[Mark],
    kept: &mut LaneState,
    connection: &mut PgConnection,
) -> Result<Option<bool>, NotCommitted> {
    let mut counted = OutcomeCounts::default();
    let (hurried, is_careful) = (kept.is_hurried(), kept.is_careful());
    let begun = Transaction::begin_on(Arc::clone(engine), connection).await;
    let mut transaction = begun.map_err(NotCommitted::NotBegun)?;
    transaction.is_careful = is_careful;
    fault::point(FaultPoint::AfterBegin, &*batch.arrived);
    admit(&mut transaction, batch, &mut counted).await?;
    lock_named(&mut transaction, batch).await?;
    if hurried {
        answered(sqlx::query(A_MOMENT).execute(transaction.db())).await?;
    }
    let begun = Instant::now();
    let ran = run_a_turn(&mut transaction, batch, &mut counted).await;
    let took = begun.elapsed();
    if transaction.needs_care {
        kept.take_care();
    }
    if transaction.runs_again() {
        // Also if it failed, since what comes after a refusal, such as the owner's abort, met what
        // is to be taken back.
        return Ok(None);
    }
    ran?;
    give_back(&mut transaction, batch).await?;
    forget_failures(&mut transaction, batch).await?;
    if hurried {
        answered(sqlx::query(AS_USUAL).execute(transaction.db())).await?;
    }
    let CommitResult { batch: emitted, has_marks } =
        commit(transaction, marks).await.map_err(BatchFailure::of_commit)?;
    kept.emitted = emitted;
    kept.learn(batch.ran.len(), took);
    counted.publish();
    Ok(Some(has_marks))
}

async fn run_a_turn(
    transaction: &mut Transaction<'_>,
    batch: &mut Batch,
    counted: &mut OutcomeCounts,
) -> Result<(), BatchFailure> {
    let begun = Instant::now();
    while let Some(run) = batch.admitted.front_mut() {
        let ran = runs::handle(transaction, run, counted).await;
        let before = batch.ran.len();
        ran.map_err(|failed| failed.after(before))?;
        batch.ran.extend(batch.admitted.pop_front().into_iter().flatten());
        if transaction.runs_again() || begun.elapsed() >= TURN {
            break;
        }
    }
    Ok(())
}

/// Leaves what has not run to the next transaction, as if this one had not taken it in.
async fn give_back(transaction: &mut Transaction<'_>, batch: &Batch) -> Result<(), Failure> {
    if batch.admitted.is_empty() {
        return Ok(());
    }
    let messages: Vec<NewMessage> = batch.admitted().filter_map(LaneWork::in_inbox).collect();
    let calls: Vec<CallKey> = batch.admitted().filter_map(LaneWork::call).collect();
    answered(inbox::forget(transaction.db(), &messages)).await?;
    answered(calls::reopen(transaction.db(), &calls)).await
}

/// Deletes the failures of old messages that are handled now, since the inbox may soon forget that
/// they were.
async fn forget_failures(transaction: &mut Transaction<'_>, batch: &Batch) -> Result<(), Failure> {
    let handled = batch.ran.iter().filter_map(LaneWork::message);
    let old = handled.filter(|message| message.age.id_is_old || message.age.is_apart);
    let old: Vec<_> = old.map(|message| message.envelope.message_id).collect();
    if !old.is_empty() {
        answered(failures::forget(transaction.db(), &old)).await?;
    }
    Ok(())
}
