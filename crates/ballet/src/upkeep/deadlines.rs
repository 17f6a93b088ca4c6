//! The watch over deadlines: an owner tells itself, with an event, that one has passed.
//!
//! The event goes through outbox and queue, so it is judged after what was already waiting, like
//! any other wish to abort. The row goes in the transaction that writes the event to the outbox, so
//! each deadline is told once, by whichever replica comes first, and also if it became due while
//! nobody ran.

use std::sync::Arc;
use std::time::Duration;

use crate::declare::deadline::Due;
use crate::declare::failure::{Failure, FailureKind};
use crate::engine::engine::Engine;
use crate::engine::guard::guarded;
use crate::engine::stopping::stopped;
use crate::engine::transaction::Transaction;
use crate::tables::database::answered;
use crate::tables::deadlines::{self, Passed};

/// The longest time between two looks: another replica may have set a deadline that comes first.
const EVERY: Duration = Duration::from_secs(2);
/// The next look when another transaction holds what is due.
const SOON: Duration = Duration::from_millis(200);
/// The shortest time between two looks.
const BREATH: Duration = Duration::from_millis(10);
/// How many deadlines one transaction tells.
const PORTION: usize = 500;

/// Tells of deadlines when they are due, until the service stops.
pub(crate) async fn run(engine: Arc<Engine>) {
    let sagas: Vec<&'static str> = engine.registry.with_deadline().map(|saga| saga.saga).collect();
    let mut stopping = engine.stopping.clone();
    loop {
        let pause = match tell_all(&engine, &sagas).await {
            Ok(pause) => pause,
            Err(failure) => {
                if failure.kind() == FailureKind::ConnectionLost {
                    engine.database_answers(false);
                }
                tracing::warn!("deadlines wait for the next look in {EVERY:?}: {failure}");
                EVERY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopped(&mut stopping) => return,
        }
    }
}

/// Tells of all that are due; how long the next one takes.
async fn tell_all(engine: &Arc<Engine>, sagas: &[&'static str]) -> Result<Duration, Failure> {
    loop {
        let mut db = engine.pool.acquire().await?;
        let pause = answered(deadlines::next(&mut db, sagas)).await?;
        drop(db);
        let pause = pause.unwrap_or(EVERY);
        if !pause.is_zero() {
            return Ok(pause.clamp(BREATH, EVERY));
        }
        if Box::pin(guarded(tell(engine, sagas))).await? == 0 {
            return Ok(SOON);
        }
    }
}

/// Tells of a portion of those that are due; how many these were.
async fn tell(engine: &Arc<Engine>, sagas: &[&'static str]) -> Result<usize, Failure> {
    let mut transaction = Transaction::begin(Arc::clone(engine)).await?;
    let passed = deadlines::take(transaction.db(), sagas, PORTION).await?;
    for Passed { saga_id, due_at, saga, cause, trace, .. } in &passed {
        let declared = engine.registry.with_deadline().find(|declared| declared.saga == saga);
        let Some(deadline) = declared.and_then(|saga| saga.deadline.as_ref()) else { continue };
        let event = (deadline.tell)(Due { saga_id: *saga_id, at: *due_at })?;
        transaction.enter(Some(*saga_id), *cause, *trace);
        transaction.scope.emit(event);
    }
    if passed.is_empty() {
        return Ok(0);
    }
    transaction.commit(&[]).await?;
    tracing::info!(deadlines = passed.len(), "deadlines have passed");
    metrics::counter!("ballet_deadlines_passed_total").increment(passed.len() as u64);
    for Passed { late, .. } in &passed {
        metrics::histogram!("ballet_deadline_late_seconds").record(*late);
    }
    Ok(passed.len())
}
