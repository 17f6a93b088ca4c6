//! Compensation: the latest step first, one after the other, each once.

use std::sync::Arc;
use std::time::Instant;

use ballet_core::{SagaId, StepKind};
use ballet_store::ledger::entry::{Entry, StepKey};
use ballet_store::ledger::event::EncodedEvent;
use ballet_store::ledger::rows::LedgerRow;
use ballet_store::ledger::standing::{RemainingCompensations, left};
use ballet_store::operators::compensations_by_hand;

use crate::declare::erased::outcome::AnyCompensated;
use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::Item;
use crate::declare::participant::saga_entry::SagaEntry;
use crate::declare::step::bulk::BulkTx;
use crate::engine::effect::Effect;
use crate::engine::rollback::RunFailure;
use crate::engine::saga_work::SagaWork;
use crate::engine::transaction::Transaction;

/// The compensations of one transaction begin within a quarter of a handler's time, so the last one
/// has the rest.
const QUARTERS: u32 = 4;

/// A service whose database was restored waits until it has heard what it missed.
pub(crate) async fn check_held(transaction: &mut Transaction<'_>) -> Result<(), Failure> {
    let engine = Arc::clone(&transaction.engine);
    engine.aborts_held.check(transaction.db()).await
}

/// An owner begins its sagas, so an event of an unknown one must not create half a saga. After a
/// restore the beginning may be still to come.
pub(crate) async fn check_begun(work: &mut SagaWork<'_, '_>) -> Result<(), Failure> {
    let (saga, saga_id) = (work.saga, work.saga_id);
    let begins = !saga.origins.is_empty()
        || saga.steps.iter().any(|step| step.part().kind == StepKind::Origin);
    if saga.owner.is_some() && begins && work.rows().next().is_none() {
        check_held(work.transaction).await?;
        return Err(Failure::permanent(format!(
            "{} {saga_id} has not begun in {}, which owns it",
            saga.saga, saga.owner_service
        )));
    }
    Ok(())
}

/// Leaves only the tombstone, and returns true if it is new. Until the abort's compensation
/// succeeds, it keeps later steps from taking effect.
pub(crate) fn entomb(work: &mut SagaWork<'_, '_>, abort_event: EncodedEvent) -> bool {
    let new = !work.is_aborted();
    if new {
        work.add(StepKey::whole(work.saga.saga), Entry::Aborted, Some(abort_event));
    }
    new
}

/// Compensates one repetition of a step while the saga goes on, and no other key. In an aborted
/// saga its turn comes after that of later steps, and the abort or the awaited call takes it up.
pub(crate) async fn compensate_key(
    work: &mut SagaWork<'_, '_>,
    at: StepKey<'_>,
    event: EncodedEvent,
) -> Result<Effect, Failure> {
    check_held(work.transaction).await?;
    // The row of an unknown saga would count as its beginning, and block the real one.
    check_begun(work).await?;
    let known = work.is_taken_back(at);
    if !known {
        work.add(at, Entry::Aborted, Some(event));
    }
    // This event does not fail because of a compensation that belongs to another one.
    if !work.is_aborted() {
        compensate_wanted(work, at).await?;
    }
    Ok(if known { Effect::Nothing } else { Effect::Handled })
}

/// Takes in aborts at a participant, each of another saga. The tombstones come first, since they
/// cover the steps that have not arrived yet.
pub(crate) async fn abort_all(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    aborts: Vec<Item<EncodedEvent>>,
) -> Result<Vec<Effect>, RunFailure> {
    check_held(transaction).await?;
    let (mut effects, mut sagas) =
        (Vec::with_capacity(aborts.len()), Vec::with_capacity(aborts.len()));
    for abort in aborts {
        transaction.tx().enter(&abort);
        sagas.push(abort.with(()));
        let is_new = entomb(&mut SagaWork::new(transaction, saga, abort.saga_id), abort.event);
        effects.push(if is_new { Effect::Handled } else { Effect::Nothing });
    }
    // Also where the tombstone was there, since a compensation may have failed the last time.
    Box::pin(compensate_rest(transaction, saga, sagas)).await?;
    Ok(effects)
}

struct SagaRest {
    of: Item<()>,
    left: std::vec::IntoIter<LedgerRow>,
    last: Option<(String, String)>,
}

/// Compensates this service's steps of aborted sagas in rounds: the latest step of every saga, then
/// the one before it. A call's outcome takes up the rest of its saga. What takes too long for one
/// transaction goes on in others (`upkeep/sagas/by_hand.rs`). The future is big, and part of that
/// of each handler.
async fn compensate_rest(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    sagas: Vec<Item<()>>,
) -> Result<(), RunFailure> {
    let rest = sagas.into_iter().map(|of| {
        let work = SagaWork::new(transaction, saga, of.saga_id);
        let left = left_to_compensate(&work).into_iter();
        SagaRest { of, left, last: None }
    });
    let mut rest: Vec<SagaRest> = rest.collect();
    let most = transaction.engine.handlers.time / QUARTERS;
    let begun = Instant::now();
    loop {
        let mut round: Vec<(String, Vec<Item<LedgerRow>>)> = Vec::new();
        for SagaRest { of, left, last } in &mut rest {
            let Some(row) = left.next() else { continue };
            *last = Some((row.step.clone(), row.key.clone()));
            match round.iter_mut().find(|(step, _)| *step == row.step) {
                Some((_, done)) => done.push(of.with(row)),
                None => round.push((row.step.clone(), vec![of.with(row)])),
            }
        }
        if round.is_empty() {
            return Ok(());
        }
        for (step, done) in round {
            let calling = compensate(transaction, saga, &step, &done).await?;
            rest.retain(|rest| !calling.contains(&rest.of.saga_id));
        }
        if begun.elapsed() >= most {
            break;
        }
    }
    for SagaRest { of, left, last } in &rest {
        if let Some((step, key)) = last.as_ref().filter(|_| !left.as_slice().is_empty()) {
            let work = &mut SagaWork::new(transaction, saga, of.saga_id);
            go_on_apart(work, StepKey { step, key }).await?;
        }
    }
    Ok(())
}

/// Each outcome is of another saga. Returns the sagas in which a call is out.
async fn compensate(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    name: &str,
    done: &[Item<LedgerRow>],
) -> Result<Vec<SagaId>, RunFailure> {
    let engine = Arc::clone(&transaction.engine);
    let step = saga.steps.iter().find(|step| step.part().name == name);
    let at_once = if step.is_some_and(|step| step.is_bulk()) { done.len() } else { 1 };
    let mut calling = Vec::new();
    for done in done.chunks(at_once.max(1)) {
        let failed = |failure| match done {
            [only] => RunFailure::of(only.saga_id, failure),
            _ => RunFailure::from(failure),
        };
        let step = step.ok_or_else(|| failed(unknown_step(name)))?;
        let mut outcomes = Vec::with_capacity(done.len());
        for done in done {
            let mut work = SagaWork::new(transaction, saga, done.saga_id);
            let body = work.stored_body(&done.event).await;
            outcomes.push(done.with(body.map_err(|why| RunFailure::of(done.saga_id, why))?));
        }
        let undo = step.compensate_all(BulkTx::new(transaction.tx()), outcomes);
        let undone = engine.handlers.run(step.part().name, undo).await.map_err(failed)?;
        for (done, undone) in done.iter().zip(undone) {
            transaction.tx().enter(done);
            let work = &mut SagaWork::new(transaction, saga, done.saga_id);
            let at = StepKey { step: name, key: &done.key };
            if let AnyCompensated::Call(request) = undone {
                work.add(at, Entry::Compensating, None);
                work.call(at, true, request);
                calling.push(done.saga_id);
            } else {
                record_compensated(work, at, undone);
            }
        }
    }
    Ok(calling)
}

/// Compensates this service's steps of an aborted saga, the latest first, until none is left or a
/// call is out.
pub(crate) async fn compensate_next(work: &mut SagaWork<'_, '_>) -> Result<(), Failure> {
    let here = work.item(());
    let rest = Box::pin(compensate_rest(work.transaction, work.saga, vec![here]));
    rest.await.map_err(|failed| failed.failure)
}

pub(crate) async fn go_on_apart(
    SagaWork { transaction, saga, saga_id }: &mut SagaWork<'_, '_>,
    at: StepKey<'_>,
) -> Result<(), Failure> {
    let note_id = transaction.scope.clock.new_id(transaction.scope.now);
    let db = transaction.db();
    answered(compensations_by_hand::go_on(db, *saga_id, saga.saga, at, note_id)).await
}

/// Compensates the remaining steps of an aborted saga, or else this repetition, which was taken
/// back alone.
pub(crate) async fn compensate_wanted(
    work: &mut SagaWork<'_, '_>,
    at: StepKey<'_>,
) -> Result<(), Failure> {
    if work.is_aborted() {
        return compensate_next(work).await;
    }
    if work.state(at) != Some(Entry::Done) || !work.is_taken_back(at) {
        return Ok(());
    }
    let is_done =
        |row: &&LedgerRow| row.step == at.step && row.key == at.key && row.entry == Entry::Done;
    if let Some(done) = work.all_rows().iter().find(is_done).cloned() {
        let done = [work.item(done)];
        let undone = Box::pin(compensate(work.transaction, work.saga, at.step, &done));
        undone.await.map_err(|failed| failed.failure)?;
    }
    Ok(())
}

/// The outcomes of the steps that took effect and are not compensated, the latest first; none while a call is out.
fn left_to_compensate(work: &SagaWork<'_, '_>) -> Vec<LedgerRow> {
    let declared = |name: &str| work.transaction.engine.registry.declared(work.saga, name);
    match left(work.all_rows(), declared) {
        RemainingCompensations::Steps(rows) => rows.into_iter().cloned().collect(),
        RemainingCompensations::Call(_) => Vec::new(),
    }
}

pub(crate) fn record_compensated(
    work: &mut SagaWork<'_, '_>,
    at: StepKey<'_>,
    compensated: AnyCompensated,
) {
    match compensated {
        AnyCompensated::With(event) => {
            work.tell(at, Entry::Compensated, event);
        }
        AnyCompensated::Silently | AnyCompensated::Call(_) => {
            work.add(at, Entry::Compensated, None);
        }
    }
}

pub(crate) fn unknown_step(step: &str) -> Failure {
    Failure::permanent(format!(
        "the ledger has a step {step:?} that this version of the service does not know: run the \
         version that knows it, or keep the step declared until its sagas have ended"
    ))
}
