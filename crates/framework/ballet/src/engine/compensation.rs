//! Compensation: the latest step first, one after the other, each once.

use std::sync::Arc;
use std::time::Instant;

use ballet_core::own_handlers::ABORT;
use ballet_core::{SagaId, StepKind};
use ballet_store::ledger::entry::{Entry, StepKey};
use ballet_store::ledger::event::EncodedEvent;
use ballet_store::ledger::rows::LedgerRow;
use ballet_store::ledger::standing::{RemainingCompensations, left};
use ballet_store::operators::compensations_by_hand;

use crate::declare::erased::outcome::AnyCompensated;
use crate::declare::erased::step::Handlers;
use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::Item;
use crate::declare::participant::saga_entry::SagaEntry;
use crate::declare::step::bulk::BulkTx;
use crate::engine::effect::Effect;
use crate::engine::rollback::RunFailure;
use crate::engine::transaction::Transaction;

/// The compensations of one transaction begin within a quarter of a handler's time. So the last of them has the rest.
const QUARTERS: u32 = 4;

/// Takes in an abort at a participant. The tombstone comes first in any case: it covers the steps
/// that have not arrived yet.
pub(crate) async fn abort_here(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    saga_id: SagaId,
    abort_event: EncodedEvent,
) -> Result<Effect, Failure> {
    check_held(transaction).await?;
    let known = !entomb(transaction, saga, saga_id, abort_event);
    // Also if the tombstone is there: a compensation may have failed the last time.
    compensate_next(transaction, saga, saga_id).await?;
    Ok(if known { Effect::Nothing } else { Effect::Handled })
}

/// Fails as long as the service, whose database was restored, has not heard yet what it missed.
pub(crate) async fn check_held(transaction: &mut Transaction<'_>) -> Result<(), Failure> {
    let engine = Arc::clone(&transaction.engine);
    engine.aborts_held.check(transaction.db(), engine.time.shared.settled()).await
}

/// The owner begins its sagas, so it knows every one of them. An event of an unknown saga must not
/// create half of one. After a restore the beginning may be still to come.
pub(crate) async fn check_begun(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    saga_id: SagaId,
) -> Result<(), Failure> {
    let begins = !saga.origins.is_empty()
        || saga.steps.iter().any(|step| step.part().kind == StepKind::Origin);
    if saga.owner.is_some() && begins && transaction.rows_of(saga, saga_id).next().is_none() {
        check_held(transaction).await?;
        return Err(Failure::permanent(format!(
            "{} {saga_id} has not begun in {}, which owns it",
            saga.saga, saga.owner_service
        )));
    }
    Ok(())
}

/// Leaves the tombstone and nothing else, and returns true if it is new. An abort whose compensation
/// fails leaves it alone: until that is done, later steps must not take effect.
pub(crate) fn entomb(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    saga_id: SagaId,
    abort_event: EncodedEvent,
) -> bool {
    let new = !transaction.is_aborted(saga, saga_id);
    if new {
        transaction.add(saga_id, StepKey::whole(saga.saga), Entry::Aborted, Some(abort_event));
    }
    new
}

/// Compensates one repetition of a step while the saga goes on. Other keys stay as they are. In an
/// aborted saga it has its turn, which comes after that of later steps: the abort, which is tried until it is done,
/// or the call that it waits for, takes it up.
pub(crate) async fn compensate_key(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    step: &str,
    key: &str,
    saga_id: SagaId,
    event: EncodedEvent,
) -> Result<Effect, Failure> {
    check_held(transaction).await?;
    // The row of an unknown saga would count as its beginning, and block the real one.
    check_begun(transaction, saga, saga_id).await?;
    let at = StepKey { step, key };
    let known = transaction.is_taken_back(saga, saga_id, at);
    if !known {
        transaction.add(saga_id, at, Entry::Aborted, Some(event));
    }
    // This one does not fail because of a compensation that belongs to another event.
    if !transaction.is_aborted(saga, saga_id) {
        compensate_wanted(transaction, saga, at, saga_id).await?;
    }
    Ok(if known { Effect::Nothing } else { Effect::Handled })
}

/// Takes in the aborts of several sagas: leaves their tombstones, then compensates in rounds. Each
/// round compensates the latest step of every saga, and those of one bulk step at once. What would take
/// too long for one transaction goes on in others, each of one saga.
pub(crate) async fn abort_all(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    aborts: Vec<Item<EncodedEvent>>,
) -> Result<Vec<Effect>, RunFailure> {
    check_held(transaction).await?;
    let mut effects = Vec::with_capacity(aborts.len());
    for abort in &aborts {
        transaction.tx().enter(abort);
        let new = entomb(transaction, saga, abort.saga_id, abort.event.clone());
        effects.push(if new { Effect::Handled } else { Effect::Nothing });
    }
    let left = aborts.iter().map(|abort| left_to_compensate(transaction, saga, abort.saga_id));
    let mut left: Vec<_> = left.map(Vec::into_iter).collect();
    let most = transaction.engine.handlers.time / QUARTERS;
    let begun = Instant::now();
    let mut last = vec![None; aborts.len()];
    loop {
        let mut round: Vec<(String, Vec<(usize, LedgerRow)>)> = Vec::new();
        for (at, rows) in left.iter_mut().enumerate() {
            let Some(row) = rows.next() else { continue };
            last[at] = Some((row.step.clone(), row.key.clone()));
            match round.iter_mut().find(|(step, _)| *step == row.step) {
                Some((_, rows)) => rows.push((at, row)),
                None => round.push((row.step.clone(), vec![(at, row)])),
            }
        }
        if round.is_empty() {
            return Ok(effects);
        }
        for (step, rows) in round {
            for calls in compensate_all(transaction, saga, &step, &aborts, rows).await? {
                left[calls] = Vec::new().into_iter();
            }
        }
        if begun.elapsed() >= most {
            break;
        }
    }
    for (at, rows) in left.iter().enumerate() {
        if let Some((step, key)) = last[at].as_ref().filter(|_| !rows.as_slice().is_empty()) {
            go_on_apart(transaction, saga, StepKey { step, key }, aborts[at].saga_id).await?;
        }
    }
    Ok(effects)
}

/// Compensates one step in several sagas. Returns the places of those that have a call out.
async fn compensate_all(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    name: &str,
    aborts: &[Item<EncodedEvent>],
    rows: Vec<(usize, LedgerRow)>,
) -> Result<Vec<usize>, RunFailure> {
    let engine = Arc::clone(&transaction.engine);
    let step = saga.steps.iter().find(|step| step.part().name == name);
    let declared = step.map_or(ABORT, |step| step.part().name);
    let Some(Handlers::Bulk(bulk)) = step.map(|step| &step.handlers) else {
        let mut calling = Vec::new();
        for (at, row) in rows {
            let saga_id = aborts[at].saga_id;
            transaction.tx().enter(&aborts[at]);
            let undo = compensate_one(transaction, saga, &row, saga_id);
            let here = engine
                .handlers
                .run(declared, undo)
                .await
                .map_err(|failure| RunFailure::of(at, failure))?;
            if !here {
                calling.push(at);
            }
        }
        return Ok(calling);
    };
    let mut done = Vec::with_capacity(rows.len());
    for (at, row) in &rows {
        let body = transaction.stored_body(aborts[*at].saga_id, row).await;
        done.push(aborts[*at].with(body.map_err(|failure| RunFailure::of(*at, failure))?));
    }
    let tx = BulkTx::new(transaction.tx());
    let undone = engine.handlers.run(declared, bulk.compensate_all(tx, done)).await?;
    for ((at, row), undone) in rows.iter().zip(undone) {
        transaction.tx().enter(&aborts[*at]);
        record_compensated(
            transaction,
            aborts[*at].saga_id,
            StepKey { step: name, key: &row.key },
            undone,
        );
    }
    Ok(Vec::new())
}

/// Compensates this service's steps of an aborted saga, the latest first, until none is left or a
/// call is out. The outcome of that call takes up the others. What would take too long for one
/// transaction goes on in others, see `upkeep/sagas/by_hand.rs`.
pub(crate) async fn compensate_next(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    saga_id: SagaId,
) -> Result<(), Failure> {
    let most = transaction.engine.handlers.time / QUARTERS;
    let begun = Instant::now();
    let mut left = left_to_compensate(transaction, saga, saga_id).into_iter();
    while let Some(row) = left.next() {
        if !compensate_one(transaction, saga, &row, saga_id).await? {
            return Ok(());
        }
        if begun.elapsed() >= most && !left.as_slice().is_empty() {
            let at = StepKey { step: &row.step, key: &row.key };
            return go_on_apart(transaction, saga, at, saga_id).await;
        }
    }
    Ok(())
}

/// Leaves the remaining compensations after a step to a transaction of their own.
pub(crate) async fn go_on_apart(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    at: StepKey<'_>,
    saga_id: SagaId,
) -> Result<(), Failure> {
    let note_id = transaction.scope.clock.new_id(transaction.scope.now);
    answered(compensations_by_hand::go_on(transaction.db(), saga_id, saga.saga, at, note_id)).await
}

/// Compensates the remaining steps of an aborted saga, or else this repetition of a step, which was taken back alone.
pub(crate) async fn compensate_wanted(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    at: StepKey<'_>,
    saga_id: SagaId,
) -> Result<(), Failure> {
    if transaction.is_aborted(saga, saga_id) {
        return compensate_next(transaction, saga, saga_id).await;
    }
    let is_done = transaction.ledger.state(saga_id, at.step, at.key) == Some(Entry::Done);
    if !is_done || !transaction.is_taken_back(saga, saga_id, at) {
        return Ok(());
    }
    let mut rows = transaction.ledger.rows(saga_id).iter();
    let done =
        rows.find(|row| row.step == at.step && row.key == at.key && row.entry == Entry::Done);
    if let Some(done) = done.cloned() {
        compensate_one(transaction, saga, &done, saga_id).await?;
    }
    Ok(())
}

/// Compensates a step that took effect, by its outcome. Returns false if a call is out for it.
async fn compensate_one(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    done: &LedgerRow,
    saga_id: SagaId,
) -> Result<bool, Failure> {
    let at = StepKey { step: &done.step, key: &done.key };
    let Some(step) = saga.steps.iter().find(|step| step.part().name == at.step) else {
        return Err(unknown_step(at.step));
    };
    let done = transaction.stored_body(saga_id, done).await?;
    match step.compensate(transaction.tx(), &done).await? {
        AnyCompensated::Call(request) => {
            transaction.add(saga_id, at, Entry::Compensating, None);
            transaction.call(saga, saga_id, at, true, request);
            Ok(false)
        }
        undone @ (AnyCompensated::With(_) | AnyCompensated::Silently) => {
            record_compensated(transaction, saga_id, at, undone);
            Ok(true)
        }
    }
}

/// The outcomes of the steps that took effect and are not compensated, the latest first; none while a call is out.
fn left_to_compensate(
    transaction: &Transaction<'_>,
    saga: &SagaEntry,
    saga_id: SagaId,
) -> Vec<LedgerRow> {
    let declared = |name: &str| transaction.engine.registry.declared(saga, name);
    match left(transaction.ledger.rows(saga_id), declared) {
        RemainingCompensations::Steps(rows) => rows.into_iter().cloned().collect(),
        RemainingCompensations::Call(_) => Vec::new(),
    }
}

pub(crate) fn record_compensated(
    transaction: &mut Transaction<'_>,
    saga_id: SagaId,
    at: StepKey<'_>,
    compensated: AnyCompensated,
) {
    match compensated {
        AnyCompensated::With(event) => {
            transaction.tell(saga_id, at, Entry::Compensated, event);
        }
        AnyCompensated::Silently | AnyCompensated::Call(_) => {
            transaction.add(saga_id, at, Entry::Compensated, None);
        }
    }
}

pub(crate) fn unknown_step(step: &str) -> Failure {
    Failure::permanent(format!(
        "the ledger has a step {step:?} that this version of the service does not know: run the \
         version that knows it, or keep the step declared until its sagas have ended"
    ))
}
