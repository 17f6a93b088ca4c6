//! Locks the rows that the steps of a batch name, before any handler runs.

use std::sync::Arc;

use ballet_core::{AnyEvent, SagaId};
use ballet_store::ledger::entry::Entry;
use ballet_store::ledger::locks::lock_keys;
use ballet_store::ledger::rows::LedgerRow;

use crate::declare::erased::step::AnyStep;
use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::Item;
use crate::declare::step::row_locks::Rows;
use crate::engine::rollback::BatchFailure;
use crate::engine::transaction::Transaction;
use crate::lane::batch::works::Batch;
use crate::lane::message::message::LaneWork;

/// Locks the rows named by the steps that a batch triggers or may compensate, before any handler.
pub(crate) async fn lock_named(
    transaction: &mut Transaction<'_>,
    batch: &mut Batch,
) -> Result<(), BatchFailure> {
    let engine = Arc::clone(&transaction.engine);
    let mut rows = Rows::none();
    for (step, on) in triggers(batch)? {
        let named = engine.handlers.run(step.part().name, step.touches(transaction.db(), on)).await;
        rows.extend(named.map_err(|failure| BatchFailure::of_step(step.part().name, failure))?);
    }
    let compensates = batch.admitted().filter(|work| work.compensates());
    let mut sagas: Vec<SagaId> = compensates.filter_map(LaneWork::saga).collect();
    sagas.sort_unstable();
    sagas.dedup();
    for (step, done) in outcomes(transaction, &sagas).await? {
        let named = engine
            .handlers
            .run(step.part().name, step.compensate_touches(transaction.db(), done))
            .await;
        rows.extend(named.map_err(|failure| BatchFailure::of_step(step.part().name, failure))?);
    }
    Ok(lock_keys(transaction.db(), rows.into_lock_keys()).await.map_err(Failure::from)?)
}

type Triggers<'a> = Vec<(Arc<AnyStep>, Vec<Item<&'a AnyEvent>>)>;

fn triggers(batch: &mut Batch) -> Result<Triggers<'_>, BatchFailure> {
    for (at, work) in batch.admitted.iter_mut().flatten().enumerate() {
        let Some(message) = work.message_mut() else { continue };
        for place in 0..message.known.handlers.len() {
            message.prepare(place).map_err(|failure| BatchFailure::of_work(at, failure))?;
        }
    }
    let mut triggers: Triggers<'_> = Vec::new();
    for (_, message) in batch.admitted_messages() {
        for (place, handler) in message.known.handlers.iter().enumerate() {
            // One event of a join does not say what the join will do.
            let (step, on) = (handler.step_of_one(), message.prepared(place));
            let (Some(step), Some(on), Some(saga)) = (step, on, message.envelope.saga_id) else {
                continue;
            };
            let on = Item::of_saga(saga, on);
            match triggers.iter_mut().find(|(known, _)| Arc::ptr_eq(known, step)) {
                Some((_, triggers)) => triggers.push(on),
                None => triggers.push((Arc::clone(step), vec![on])),
            }
        }
    }
    Ok(triggers)
}

/// The outcomes stay in memory, so the compensations need not read them again.
async fn outcomes(
    transaction: &mut Transaction<'_>,
    sagas: &[SagaId],
) -> Result<Vec<(Arc<AnyStep>, Vec<Item<String>>)>, Failure> {
    let engine = Arc::clone(&transaction.engine);
    let steps: Vec<_> = engine.registry.compensated_here().collect();
    let names: Vec<&str> = steps.iter().map(|step| step.part().name).collect();
    let is_done = |row: &LedgerRow| row.entry == Entry::Done && names.contains(&row.step.as_str());
    let (db, ledger) = transaction.db_and_ledger();
    let mut done: Vec<SagaId> = sagas.to_vec();
    done.retain(|saga| ledger.rows(*saga).iter().any(is_done));
    if done.is_empty() {
        return Ok(Vec::new());
    }
    ledger.read_outcomes(db, &done, &names).await?;
    let of = |step: &Arc<AnyStep>| {
        let rows = done.iter().flat_map(|saga| ledger.rows(*saga).iter().map(|row| (*saga, row)));
        rows.filter(|(_, row)| row.entry == Entry::Done && row.step == step.part().name)
            .filter_map(|(saga, row)| Some(Item::of_saga(saga, row.body()?.into_owned())))
            .collect::<Vec<_>>()
    };
    let outcomes = steps.iter().map(|step| (Arc::clone(step), of(step)));
    Ok(outcomes.filter(|(_, done)| !done.is_empty()).collect())
}
