//! The watch over deadlines: the owner publishes an event to itself when a deadline has passed.
//!
//! The event passes through outbox and queue, so it is handled after the messages that already
//! wait, like any other request to abort. The transaction that writes the event to the outbox also
//! deletes the row. So each deadline is published once, by the first replica to take it, even if it
//! became due while no replica was running.

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
use crate::upkeep::told;

/// The longest time between two checks, since another replica may have set an earlier deadline.
const EVERY: Duration = Duration::from_secs(2);
/// The pause before the next check while another transaction holds the due deadlines.
const SOON: Duration = Duration::from_millis(200);
/// The shortest time between two checks.
const MIN_PAUSE: Duration = Duration::from_millis(10);
/// The maximum number of deadlines per transaction.
const PORTION: usize = 500;

/// Publishes deadlines that have passed, until the service stops.
pub(crate) async fn run(engine: Arc<Engine>) {
    let sagas: Vec<&'static str> = engine.registry.with_deadline().map(|saga| saga.saga).collect();
    let mut stopping = engine.stopping.clone();
    loop {
        let pause = match publish_all(&engine, &sagas).await {
            Ok(pause) => pause,
            Err(failure) => {
                if failure.kind() == FailureKind::ConnectionLost {
                    engine.database_is_away(&failure);
                }
                told::waits("deadlines could not be checked; trying again", &failure);
                EVERY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopped(&mut stopping) => return,
        }
    }
}

/// Publishes all due deadlines. Returns the time until the next check.
async fn publish_all(engine: &Arc<Engine>, sagas: &[&'static str]) -> Result<Duration, Failure> {
    loop {
        let mut db = engine.pool.acquire().await?;
        let pause = answered(deadlines::next(&mut db, sagas)).await?;
        drop(db);
        let pause = pause.unwrap_or(EVERY);
        if !pause.is_zero() {
            return Ok(pause.clamp(MIN_PAUSE, EVERY));
        }
        if Box::pin(guarded(publish_portion(engine, sagas))).await? == 0 {
            return Ok(SOON);
        }
    }
}

/// Publishes a portion of the due deadlines. Returns their number.
async fn publish_portion(engine: &Arc<Engine>, sagas: &[&'static str]) -> Result<usize, Failure> {
    let mut transaction = Transaction::begin(Arc::clone(engine)).await?;
    let passed = deadlines::take(transaction.db(), sagas, PORTION).await?;
    for Passed { saga_id, due_at, saga, cause, trace, .. } in &passed {
        let declared = engine.registry.with_deadline().find(|declared| declared.saga == saga);
        let Some(deadline) = declared.and_then(|saga| saga.deadline.as_ref()) else { continue };
        let event = (deadline.passed_event)(Due { saga_id: *saga_id, at: *due_at })?;
        transaction.enter(Some(*saga_id), *cause, trace.clone());
        transaction.scope.emit(event);
    }
    if passed.is_empty() {
        return Ok(0);
    }
    transaction.commit(&[]).await?;
    for Passed { saga_id, due_at, saga, .. } in &passed {
        tracing::info!(saga = %saga_id, %due_at, "the deadline of {saga} has passed");
    }
    ballet_amqp::counter!("ballet_deadlines_passed_total").increment(passed.len() as u64);
    for Passed { late, .. } in &passed {
        ballet_amqp::histogram!("ballet_deadline_late_seconds").record(*late);
    }
    Ok(passed.len())
}
