//! Compensates the earlier steps of a saga after a person has compensated a step by hand, after an
//! answer whose compensations failed, or after as many compensations as one transaction makes.
//!
//! Otherwise the outcome of the step's own compensation does that, or the abort that comes again. Here there may be
//! neither.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Backoff, jittered};
use ballet_core::fault::{self, FaultPoint};
use ballet_core::own_handlers::ABORT;
use ballet_core::{MessageId, Reason};
use ballet_store::database::connection::begin;
use ballet_store::inbox::failures;
use ballet_store::inbox::failures::FailedMessage;
use ballet_store::operators::compensations_by_hand;
use ballet_store::operators::compensations_by_hand::DueSaga;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::{Failure, FailureKind};
use crate::declare::participant::saga_entry::SagaEntry;
use crate::engine::commit::commit;
use crate::engine::compensation::compensate_wanted;
use crate::engine::engine::Engine;
use crate::engine::saga_work::SagaWork;
use crate::engine::stopping::waited;
use crate::engine::transaction::Transaction;
use crate::upkeep::failure_log;

/// How many of these sagas go on at a time, so that a compensation that hangs holds up no others.
/// Each takes a connection of upkeep.
pub(crate) const AT_A_TIME: usize = 2;
/// Nobody waits for it by the second.
const EVERY: Duration = Duration::from_secs(3);

pub(crate) fn is_needed(sagas: &[Arc<SagaEntry>]) -> bool {
    let mut steps = sagas.iter().flat_map(|saga| &saga.steps);
    steps.any(|step| step.part().kind.can_be_compensated())
}

pub(crate) async fn run(engine: Arc<Engine>) {
    let sagas: Vec<&'static str> = engine.registry.sagas.iter().map(|saga| saga.saga).collect();
    let mut stopping = engine.stopping.clone();
    loop {
        if let Err(failure) = all_due(&engine, &sagas).await {
            let what = "sagas with compensations that are left wait";
            failure_log::waits_for(&engine.database, what, &failure);
        }
        if !waited(&mut stopping, jittered(EVERY)).await {
            return;
        }
    }
}

async fn all_due(engine: &Arc<Engine>, sagas: &[&'static str]) -> Result<(), Failure> {
    while !*engine.stopping.borrow() {
        let next =
            engine.database.ask(async |db| compensations_by_hand::next(db, sagas).await).await?;
        let Some(due) = next else { return Ok(()) };
        let saga = engine.registry.sagas.iter().find(|saga| saga.saga == due.saga);
        let Some(saga) = saga.map(Arc::clone) else { return Ok(()) };
        match Box::pin(go_on(engine, &saga, &due)).await {
            Ok(()) => {}
            Err(failure) if failure.kind() == FailureKind::ConnectionLost => return Err(failure),
            Err(failure) => put_off(engine, &saga, &due, &failure).await?,
        }
    }
    Ok(())
}

async fn go_on(engine: &Arc<Engine>, saga: &SagaEntry, due: &DueSaga) -> Result<(), Failure> {
    let DueSaga { saga_id, note_id, .. } = due;
    let mut transaction = Transaction::begin(Arc::clone(engine)).await?;
    transaction.receive(&[*saga_id], &[]).await?;
    // Another replica may have come first. The saga's lock says who.
    if !answered(compensations_by_hand::take(transaction.db(), due)).await? {
        return Ok(());
    }
    transaction.enter(Some(*saga_id), None, None);
    let work = &mut SagaWork::new(&mut transaction, saga, *saga_id);
    engine.handlers.run(ABORT, compensate_wanted(work, due.at())).await?;
    answered(failures::forget(transaction.db(), &[MessageId(*note_id)])).await?;
    commit(transaction, &[]).await?;
    tracing::info!(
        saga = %saga_id, step = due.step, "the compensations after that of a step went on"
    );
    Ok(())
}

/// Shows why the saga cannot go on, as for an abort that fails.
async fn put_off(
    engine: &Engine,
    saga: &SagaEntry,
    due: &DueSaga,
    failure: &Failure,
) -> Result<(), Failure> {
    let pause = jittered(Backoff::COMPENSATION.after(due.attempts.saturating_add(1)));
    let (saga_id, attempts) = (due.saga_id, due.attempts.saturating_add(1));
    tracing::warn!(saga = %saga_id, attempts, "an earlier step is not compensated: {failure}");
    let failed = FailedMessage {
        handler: ABORT,
        reason: Reason::Failed.code(),
        detail: failure.to_string(),
        attempts,
        wait: Some(pause),
    };
    let event = saga.abort.map_or("", |abort| abort.name());
    let note = MessageId(due.note_id);
    // Together, since a saga that is put off and not listed would stand still in silence, and one
    // that is listed and has gone on would be listed for ever.
    let mut db = begin(&engine.database.upkeep).await?;
    if answered(compensations_by_hand::put_off(&mut db, due, pause)).await? {
        answered(failures::insert(&mut *db, note, Some(saga_id), event, &failed)).await?;
    }
    fault::point(FaultPoint::BeforeTables, "put_off");
    answered(db.commit()).await?;
    fault::point(FaultPoint::AfterTables, "put_off");
    Ok(())
}
