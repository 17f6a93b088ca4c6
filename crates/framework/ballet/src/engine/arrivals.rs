//! Handles the arrival of an event or of a call's outcome by the table of the step ledger. The
//! owner judges refusals, cancels and deadlines here.
//!
//! | arrives | the ledger says | what happens |
//! |---|---|---|
//! | trigger | nothing | run; `done` or `refused` with the outcome, or `calling` |
//! | trigger | anything, or a tombstone | nothing |
//! | trigger, refusal | nothing, at the owner, which begins its sagas | a dead letter; while aborts wait, again later |
//! | deadline | nothing decided, at the owner | the abort |
//! | abort | nothing, refused | the tombstone is enough |
//! | abort | done | compensate, unless a later step is calling or undoing |
//! | abort | calling | the tombstone; the outcome takes up the compensation |
//! | a call's outcome | calling | store and emit it |
//! | a call's outcome | calling, tombstone | store it without emitting; then compensate |
//! | nothing was done by a call | calling, tombstone | `refused` without an event; then compensate |
//! | compensation of one key | nothing, at the owner, which begins its sagas | as a trigger: a dead letter |
//! | compensation of one key | done | compensate that repetition of the step, and no other |
//! | a compensation's outcome | undoing | `undone`, emit, go on with the earlier steps |

use std::sync::Arc;

use ballet_core::{AnyEvent, MessageId, StepKind, StepPart, Versions};
use ballet_store::calls::stored::NewCall;
use ballet_store::deadlines::NewDeadline;
use ballet_store::ledger::entry::{Entry, NO_KEY, StepKey};
use ballet_store::ledger::event::EncodedEvent;
use ballet_store::ledger::rows::LedgerRow;

use crate::declare::erased::call::CallHandlers;
use crate::declare::erased::outcome::AnyOutcome;
use crate::declare::erased::step::AnyStep;
use crate::declare::handler::failure::Failure;
use crate::declare::step::owner::Abort;
use crate::engine::calls::open_calls::{CallAnswer, Compensations};
use crate::engine::compensation::{
    check_begun, check_held, compensate_next, compensate_wanted, go_on_apart, record_compensated,
    unknown_step,
};
use crate::engine::effect::Effect;
use crate::engine::refusal;
use crate::engine::saga_work::SagaWork;
use crate::engine::transaction::Transaction;

pub(crate) async fn trigger(
    work: &mut SagaWork<'_, '_>,
    step: &AnyStep,
    place: usize,
    event: AnyEvent,
    body: &[u8],
) -> Result<Effect, Failure> {
    let key = step.key(&event)?;
    if !admits(work, step, &key).await? {
        return Ok(Effect::Nothing);
    }
    let events = match &step.part().on[..] {
        [_] => vec![event],
        _ => match join(work, step, place, event, body).await? {
            Some(events) => events,
            None => return Ok(Effect::Handled),
        },
    };
    let before = refusal::before(work.transaction, step.part()).await?;
    let outcome = step.run(work.tx(), events).await?;
    refusal::after(work.transaction, before, &outcome).await?;
    take_outcome(work, StepKey { step: step.part().name, key: &key }, outcome).await
}

pub(crate) async fn admits(
    work: &mut SagaWork<'_, '_>,
    step: &AnyStep,
    key: &str,
) -> Result<bool, Failure> {
    let part = step.part();
    let at = StepKey { step: part.name, key };
    if work.is_taken_back(at) || work.state(at).is_some() || has_decided(work, part) {
        return Ok(false);
    }
    if part.versions != Versions::ALL
        && let Some(other) = of_another_version(work, part.versions)
    {
        // Replicas of two releases begin sagas under two versions on the same event.
        return if part.kind == StepKind::Origin { Ok(false) } else { Err(other) };
    }
    if part.kind != StepKind::Origin {
        check_begun(work).await?;
    } else if work.rows().any(|row| row.step != at.step || row.key != key) {
        return Err(begun_before(work));
    }
    Ok(true)
}

/// A saga is decided once, whatever the key.
fn has_decided(work: &SagaWork<'_, '_>, part: &StepPart) -> bool {
    let made = |row: &LedgerRow| row.step == part.name && row.entry == Entry::Done;
    part.kind == StepKind::Decision && work.all_rows().iter().any(made)
}

/// A saga runs under one version from beginning to end, whatever is published under its id.
fn of_another_version(work: &SagaWork<'_, '_>, versions: Versions) -> Option<Failure> {
    let SagaWork { saga, saga_id, .. } = work;
    let (ran, other) = work.rows().find_map(|row| {
        let other = saga.versions_of(&row.step).filter(|other| !other.meets(versions))?;
        Some((&row.step, other))
    })?;
    Some(Failure::permanent(format!(
        "this is of {versions} of {}, and {saga_id} runs under {other}, by which it did {ran} here: whoever \
         published it did not keep to the version of the event that it acted on",
        saga.saga
    )))
}

/// Records an event of a join. Returns all of them once the last has arrived.
async fn join(
    work: &mut SagaWork<'_, '_>,
    step: &AnyStep,
    place: usize,
    event: AnyEvent,
    body: &[u8],
) -> Result<Option<Vec<AnyEvent>>, Failure> {
    let part = step.part();
    let is_of_join = |row: &&LedgerRow| row.step == part.name && row.entry == Entry::Arrived;
    let arrived: Vec<LedgerRow> = work.all_rows().iter().filter(is_of_join).cloned().collect();
    let find = |name: &str| arrived.iter().find(|row| row.arrived == name);
    let this = part.on[place];
    if find(this.name()).is_some() {
        return Ok(None);
    }
    let event_here = EncodedEvent { event_type: this, body: bytes::Bytes::copy_from_slice(body) };
    let at = StepKey { step: part.name, key: NO_KEY };
    work.add_row(at, Entry::Arrived, this.name(), Some(event_here), None);
    let mut events = Vec::with_capacity(part.on.len());
    let mut event = Some(event);
    for (at, expected) in part.on.iter().enumerate() {
        if at == place {
            events.extend(event.take());
            continue;
        }
        let Some(row) = find(expected.name()) else {
            return Ok(None);
        };
        let body = work.stored_body(row).await?;
        events.push(step.decode(at, body.as_bytes())?);
    }
    Ok(Some(events))
}

pub(crate) async fn take_outcome(
    work: &mut SagaWork<'_, '_>,
    at: StepKey<'_>,
    outcome: AnyOutcome,
) -> Result<Effect, Failure> {
    let saga = work.saga;
    match outcome {
        AnyOutcome::Done(event) => {
            let told = work.tell(at, Entry::Done, event);
            keep_deadline(work, at.step, told);
            Ok(Effect::Handled)
        }
        // The owner's own refusal is the abort.
        AnyOutcome::Refused(event)
            if saga.owner.is_some() && saga.abort == Some(event.event_type) =>
        {
            work.add(at, Entry::Refused, Some(event.clone()));
            abort_as_owner(work, event).await?;
            Ok(Effect::Refused)
        }
        AnyOutcome::Refused(event) => {
            work.tell(at, Entry::Refused, event);
            Ok(Effect::Refused)
        }
        AnyOutcome::Call(request) => {
            work.add(at, Entry::Calling, None);
            work.call(at, false, request);
            Ok(Effect::Handled)
        }
    }
}

/// Aborts, unless something else was committed first. An owner whose database was restored waits
/// until it has heard what it decided before, since others may have acted on it.
pub(crate) async fn abort_as_owner(
    work: &mut SagaWork<'_, '_>,
    abort_event: EncodedEvent,
) -> Result<Abort, Failure> {
    check_held(work.transaction).await?;
    let saga = work.saga;
    let Some(owner) = &saga.owner else {
        return Err(Failure::permanent(format!(
            "only {} may abort {}",
            saga.owner_service, saga.saga
        )));
    };
    if work.is_aborted() {
        return Ok(Abort::AlreadyAborted);
    }
    if saga.steps.iter().any(|step| has_decided(work, step.part())) {
        return Ok(Abort::TooLate);
    }
    check_begun(work).await?;
    let (whole, id) = (StepKey::whole(saga.saga), work.transaction.scope.draw());
    work.add_row(whole, Entry::Aborted, "", Some(abort_event.clone()), Some(id));
    owner.abort(work.tx(), &abort_event.body).await?;
    compensate_next(work).await?;
    end_deadline(work);
    work.transaction.scope.emit_as(id, abort_event);
    Ok(Abort::Aborted)
}

/// Takes in the answer to a call that this transaction has just closed, and compensates what waited
/// for it.
pub(crate) async fn answer(
    transaction: &mut Transaction<'_>,
    answer: &mut CallAnswer,
) -> Result<Effect, Failure> {
    let are_apart = answer.compensations == Compensations::Apart;
    if !are_apart {
        answer.compensations = Compensations::None;
    }
    let call = &answer.call;
    let engine = Arc::clone(&transaction.engine);
    let Some((saga, step)) = engine.registry.call_step(&call.step) else {
        return Err(unknown_step(&call.step));
    };
    let work = &mut SagaWork::new(transaction, saga, call.saga_id);
    let at = StepKey { step: &call.step, key: &call.step_key };
    let effect = take_in(work, step, at, call, answer.answer.as_deref()).await?;
    if effect == Effect::Nothing || !work.is_taken_back(at) {
        return Ok(effect);
    }
    if !work.is_aborted() {
        // One repetition has no earlier steps, and a replica of an older release would not take it up apart.
        compensate_wanted(work, at).await?;
    } else if are_apart {
        go_on_apart(work, at).await?;
    } else {
        answer.compensations = Compensations::Along;
        compensate_next(work).await?;
    }
    Ok(effect)
}

/// Stores the outcome of a call, and emits it unless it is to be compensated.
async fn take_in(
    work: &mut SagaWork<'_, '_>,
    step: &CallHandlers,
    at: StepKey<'_>,
    call: &NewCall,
    answer: Option<&str>,
) -> Result<Effect, Failure> {
    let state = work.state(at);
    if call.undo {
        if state != Some(Entry::Compensating) {
            return Ok(Effect::Nothing);
        }
        let Some(answer) = answer else { return Ok(Effect::Nothing) };
        let undone = step.compensation()?.answered(work.tx(), &call.request, answer).await?;
        record_compensated(work, at, undone);
        return Ok(Effect::Handled);
    }
    if state != Some(Entry::Calling) {
        return Ok(Effect::Nothing);
    }
    let Some(answer) = answer else {
        // Nothing was done, and nobody waits for it.
        work.add(at, Entry::Refused, None);
        return Ok(Effect::Refused);
    };
    let engine = Arc::clone(&work.transaction.engine);
    let before = match engine.registry.step(at.step) {
        Some((_, step)) => refusal::before(work.transaction, step.part()).await?,
        None => None,
    };
    let outcome = step.step.answered(work.tx(), &call.request, answer).await?;
    refusal::after(work.transaction, before, &outcome).await?;
    match outcome {
        // It is open for longer, under the row that it has.
        AnyOutcome::Call(request) => {
            work.call(at, false, request);
            Ok(Effect::Handled)
        }
        outcome if !work.is_taken_back(at) => take_outcome(work, at, outcome).await,
        // Aborted meanwhile, so the outcome is not published, and what took effect is compensated.
        AnyOutcome::Done(event) => {
            work.add(at, Entry::Done, Some(event));
            Ok(Effect::Handled)
        }
        AnyOutcome::Refused(event) => {
            work.add(at, Entry::Refused, Some(event));
            Ok(Effect::Refused)
        }
    }
}

pub(crate) fn originated(work: &mut SagaWork<'_, '_>, step: &str, event: EncodedEvent) {
    let told = work.tell(StepKey { step, key: NO_KEY }, Entry::Done, event);
    begin_deadline(work, told);
}

fn begin_deadline(work: &mut SagaWork<'_, '_>, cause: MessageId) {
    let SagaWork { transaction, saga, saga_id } = work;
    if let Some(deadline) = &saga.deadline {
        let trace = transaction.scope.trace.clone();
        let (saga, after) = (saga.saga, deadline.part.after);
        transaction.deadlines.begin(NewDeadline { saga_id: *saga_id, saga, after, cause, trace });
    }
}

fn end_deadline(SagaWork { transaction, saga, saga_id }: &mut SagaWork<'_, '_>) {
    if saga.deadline.is_some() {
        transaction.deadlines.end(*saga_id, saga.saga);
    }
}

fn keep_deadline(work: &mut SagaWork<'_, '_>, step: &str, told: MessageId) {
    let step = work.saga.steps.iter().map(|step| step.part()).find(|part| part.name == step);
    match step.map(|part| part.kind) {
        Some(StepKind::Origin) => begin_deadline(work, told),
        Some(StepKind::Decision) => end_deadline(work),
        Some(StepKind::Compensatable | StepKind::Pivot | StepKind::Retriable) | None => {}
    }
}

/// A second beginning under a saga's id could end, or change, another saga.
pub(crate) fn begun_before(SagaWork { saga, saga_id, .. }: &SagaWork<'_, '_>) -> Failure {
    let name = saga.saga;
    Failure::permanent(format!("{name} {saga_id} has begun before: use a new id for another saga"))
}
