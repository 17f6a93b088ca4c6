//! The watch over deadlines: the owner publishes an event to itself when a deadline has passed.
//!
//! The event passes through outbox and queue, so it is handled after the messages that already
//! wait, like any other request to abort. The transaction that writes the event to the outbox also
//! deletes the row, so each deadline is published once, by the first replica to take it.

use std::sync::Arc;
use std::time::Duration;

use ballet_core::Reason;
use ballet_core::fault::{self, FaultPoint};
use ballet_core::own_handlers::DEADLINE;
use ballet_store::database::connection::begin;
use ballet_store::deadlines;
use ballet_store::deadlines::PassedDeadline;
use ballet_store::inbox::failures;
use ballet_store::inbox::failures::FailedMessage;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::{Failure, FailureKind};
use crate::declare::participant::deadline::Due;
use crate::engine::commit::commit;
use crate::engine::engine::Engine;
use crate::engine::handlers::guard::guarded;
use crate::engine::stopping::waited;
use crate::engine::transaction::Transaction;
use crate::upkeep::failure_log;

/// The longest time between two checks, since another replica may have set an earlier deadline.
const EVERY: Duration = Duration::from_secs(2);
/// The pause before the next check while another transaction holds the due deadlines.
const SOON: Duration = Duration::from_millis(200);
/// The shortest time between two checks.
const MIN_PAUSE: Duration = Duration::from_millis(10);
/// The maximum number of deadlines per transaction.
const PORTION: usize = 500;
/// When a deadline is tried again that could not be published.
const AGAIN: Duration = Duration::from_secs(60);

pub(crate) async fn run(engine: Arc<Engine>) {
    let sagas: Vec<&'static str> = engine.registry.with_deadline().map(|saga| saga.saga).collect();
    let mut stopping = engine.stopping.clone();
    loop {
        let pause = match publish_all(&engine, &sagas).await {
            Ok(pause) => pause,
            Err(failure) => {
                let what = "deadlines could not be checked; trying again";
                failure_log::waits_for(&engine.database, what, &failure);
                EVERY
            }
        };
        if !waited(&mut stopping, pause).await {
            return;
        }
    }
}

/// Publishes all due deadlines. Returns the time until the next check. One that cannot be published is
/// put off, and costs the others a smaller portion.
async fn publish_all(engine: &Arc<Engine>, sagas: &[&'static str]) -> Result<Duration, Failure> {
    let mut most = PORTION;
    loop {
        let pause = engine.database.ask(async |db| deadlines::next(db, sagas).await).await?;
        let pause = pause.unwrap_or(EVERY);
        if !pause.is_zero() {
            return Ok(pause.clamp(MIN_PAUSE, EVERY));
        }
        let mut passed = Vec::new();
        let published = Box::pin(guarded(publish_portion(engine, sagas, most, &mut passed))).await;
        let failure = match published {
            Ok(()) if passed.is_empty() => return Ok(SOON),
            Ok(()) => {
                most = PORTION.min(most * 2);
                continue;
            }
            Err(failure) => failure,
        };
        match (failure.kind(), &passed[..]) {
            (FailureKind::Conflict | FailureKind::ConnectionLost, _) | (_, []) => {
                return Err(failure);
            }
            (_, [passed]) => put_off(engine, passed, &failure).await?,
            (_, _) => most = 1,
        }
    }
}

/// Publishes a portion of the due deadlines, and notes them in `passed`.
async fn publish_portion(
    engine: &Arc<Engine>,
    sagas: &[&'static str],
    most: usize,
    passed: &mut Vec<PassedDeadline>,
) -> Result<(), Failure> {
    let mut transaction = Transaction::begin(Arc::clone(engine)).await?;
    *passed = answered(deadlines::due(transaction.db(), sagas, most)).await?;
    for PassedDeadline { saga_id, due_at, saga, cause, trace, .. } in &*passed {
        let declared = engine.registry.with_deadline().find(|declared| declared.saga == saga);
        let Some(declared) = declared else { continue };
        let Some(deadline) = &declared.deadline else { continue };
        let event = (deadline.passed_event)(Due { saga_id: *saga_id, at: *due_at })?;
        transaction.enter(Some(*saga_id), *cause, trace.clone());
        transaction.scope.emit(event);
        transaction.deadlines.end(*saga_id, declared.saga);
    }
    if passed.is_empty() {
        return Ok(());
    }
    commit(transaction, &[]).await?;
    for PassedDeadline { saga_id, due_at, saga, .. } in &*passed {
        tracing::info!(saga = %saga_id, %due_at, "the deadline of {saga} has passed");
    }
    metrics::counter!("ballet_deadlines_passed_total").increment(passed.len() as u64);
    for PassedDeadline { late, .. } in &*passed {
        metrics::histogram!("ballet_deadline_late_seconds").record(*late);
    }
    Ok(())
}

/// Puts off a deadline whose event cannot be published, and lists its saga as stuck.
async fn put_off(
    engine: &Engine,
    passed: &PassedDeadline,
    failure: &Failure,
) -> Result<(), Failure> {
    let PassedDeadline { saga_id, saga, .. } = passed;
    tracing::error!(
        saga = %saga_id,
        "the deadline of {saga} has passed and cannot be published; trying again in {AGAIN:?}: \
         {failure}"
    );
    let declared = engine.registry.with_deadline().find(|declared| declared.saga == saga);
    let event = declared.and_then(|saga| saga.deadline.as_ref()).map(|it| it.part.passed);
    let failed = FailedMessage {
        handler: DEADLINE,
        reason: Reason::Failed.code(),
        detail: failure.to_string(),
        attempts: 1,
        wait: Some(AGAIN),
    };
    let event = event.map_or("", |event| event.name());
    // Together, since what is put off and not listed would stand still in silence, and a saga that
    // has ended meanwhile would be listed for ever.
    let mut db = begin(&engine.database.upkeep).await?;
    if answered(deadlines::put_off(&mut db, *saga_id, saga, AGAIN)).await? {
        let note = deadlines::note(*saga_id, saga);
        answered(failures::insert(&mut *db, note, Some(*saga_id), event, &failed)).await?;
    }
    fault::point(FaultPoint::BeforeTables, "put_off");
    answered(db.commit()).await?;
    fault::point(FaultPoint::AfterTables, "put_off");
    Ok(())
}
