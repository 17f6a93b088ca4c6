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

use ballet_core::{AnyEvent, MessageId, SagaId, StepKind, StepPart, Versions};
use ballet_store::calls::stored::NewCall;
use ballet_store::deadlines::NewDeadline;
use ballet_store::ledger::entry::{Entry, NO_KEY, StepKey};
use ballet_store::ledger::event::EncodedEvent;
use ballet_store::ledger::rows::LedgerRow;

use crate::declare::erased::call::CallHandlers;
use crate::declare::erased::outcome::AnyOutcome;
use crate::declare::erased::step::AnyStep;
use crate::declare::handler::failure::Failure;
use crate::declare::participant::saga_entry::SagaEntry;
use crate::declare::step::owner::Abort;
use crate::engine::calls::open_calls::{CallAnswer, Compensations};
use crate::engine::compensation::{
    check_begun, check_held, compensate_next, compensate_wanted, go_on_apart, record_compensated,
    unknown_step,
};
use crate::engine::effect::Effect;
use crate::engine::refusal;
use crate::engine::transaction::Transaction;

/// Runs a step whose trigger arrived.
pub(crate) async fn trigger(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    step: &Arc<AnyStep>,
    place: usize,
    saga_id: SagaId,
    event: AnyEvent,
    body: &[u8],
) -> Result<Effect, Failure> {
    let key = step.key(&event)?;
    if !admits(transaction, saga, step, saga_id, &key).await? {
        return Ok(Effect::Nothing);
    }
    let events = match &step.part().on[..] {
        [_] => vec![event],
        _ => match join(transaction, step, place, saga_id, event, body).await? {
            Some(events) => events,
            None => return Ok(Effect::Handled),
        },
    };
    let before = refusal::before(transaction, step.part()).await?;
    let outcome = step.run(transaction.tx(), events).await?;
    if let (Some(before), AnyOutcome::Refused(_)) = (&before, &outcome) {
        refusal::take_back(transaction, before).await?;
    }
    let at = StepKey { step: step.part().name, key: &key };
    take_outcome(transaction, saga, at, saga_id, outcome).await
}

/// Whether the ledger lets a step run.
pub(crate) async fn admits(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    step: &Arc<AnyStep>,
    saga_id: SagaId,
    key: &str,
) -> Result<bool, Failure> {
    let name = step.part().name;
    if transaction.is_taken_back(saga, saga_id, StepKey { step: name, key })
        || transaction.ledger.state(saga_id, name, key).is_some()
        || has_decided(transaction, step.part(), saga_id)
    {
        return Ok(false);
    }
    let versions = step.part().versions;
    if versions != Versions::ALL
        && let Some(other) = of_another_version(transaction, saga, saga_id, versions)
    {
        // Replicas of two releases begin sagas under two versions on the same event.
        return if step.part().kind == StepKind::Origin { Ok(false) } else { Err(other) };
    }
    if step.part().kind != StepKind::Origin {
        check_begun(transaction, saga, saga_id).await?;
    } else if transaction.rows_of(saga, saga_id).any(|row| row.step != name || row.key != key) {
        return Err(begun_before(saga, saga_id));
    }
    Ok(true)
}

/// Whether this step is a decision that was made. A saga is decided once, whatever the key under which that was.
fn has_decided(transaction: &Transaction<'_>, part: &StepPart, saga_id: SagaId) -> bool {
    let made = |row: &LedgerRow| row.step == part.name && row.entry == Entry::Done;
    part.kind == StepKind::Decision && transaction.ledger.rows(saga_id).iter().any(made)
}

/// A saga runs under one version from its beginning to its end, whatever is published under its id.
fn of_another_version(
    transaction: &Transaction<'_>,
    saga: &SagaEntry,
    saga_id: SagaId,
    versions: Versions,
) -> Option<Failure> {
    let mut rows = transaction.rows_of(saga, saga_id);
    let (ran, other) = rows.find_map(|row| {
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
    transaction: &mut Transaction<'_>,
    step: &Arc<AnyStep>,
    place: usize,
    saga_id: SagaId,
    event: AnyEvent,
    body: &[u8],
) -> Result<Option<Vec<AnyEvent>>, Failure> {
    let part = step.part();
    let arrived: Vec<LedgerRow> = transaction
        .ledger
        .rows(saga_id)
        .iter()
        .filter(|row| row.step == part.name && row.entry == Entry::Arrived)
        .cloned()
        .collect();
    let find = |name: &str| arrived.iter().find(|row| row.arrived == name);
    let this = part.on[place];
    if find(this.name()).is_some() {
        return Ok(None);
    }
    let event_here = EncodedEvent { event_type: this, body: bytes::Bytes::copy_from_slice(body) };
    let at = StepKey { step: part.name, key: NO_KEY };
    transaction.add_row(saga_id, at, Entry::Arrived, this.name(), Some(event_here), None);
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
        let body = transaction.stored_body(saga_id, row).await?;
        events.push(step.decode(at, body.as_bytes())?);
    }
    Ok(Some(events))
}

/// Stores and emits the outcome of a step.
pub(crate) async fn take_outcome(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    at: StepKey<'_>,
    saga_id: SagaId,
    outcome: AnyOutcome,
) -> Result<Effect, Failure> {
    match outcome {
        AnyOutcome::Done(event) => {
            let told = transaction.tell(saga_id, at, Entry::Done, event);
            keep_deadline(transaction, saga, at.step, saga_id, told);
            Ok(Effect::Handled)
        }
        // The owner's own refusal is the abort.
        AnyOutcome::Refused(event)
            if saga.owner.is_some() && saga.abort == Some(event.event_type) =>
        {
            transaction.add(saga_id, at, Entry::Refused, Some(event.clone()));
            abort_as_owner(transaction, saga, saga_id, event).await?;
            Ok(Effect::Refused)
        }
        AnyOutcome::Refused(event) => {
            transaction.tell(saga_id, at, Entry::Refused, event);
            Ok(Effect::Refused)
        }
        AnyOutcome::Call(request) => {
            transaction.add(saga_id, at, Entry::Calling, None);
            transaction.call(saga, saga_id, at, false, request);
            Ok(Effect::Handled)
        }
    }
}

/// The owner aborts, unless something else was committed first. One whose database was restored waits until it has
/// heard what it decided before: others may have acted on that.
pub(crate) async fn abort_as_owner(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    saga_id: SagaId,
    abort_event: EncodedEvent,
) -> Result<Abort, Failure> {
    check_held(transaction).await?;
    let Some(owner) = &saga.owner else {
        return Err(Failure::permanent(format!(
            "only {} may abort {}",
            saga.owner_service, saga.saga
        )));
    };
    if transaction.is_aborted(saga, saga_id) {
        return Ok(Abort::AlreadyAborted);
    }
    if saga.steps.iter().any(|step| has_decided(transaction, step.part(), saga_id)) {
        return Ok(Abort::TooLate);
    }
    check_begun(transaction, saga, saga_id).await?;
    let (whole, id) = (StepKey::whole(saga.saga), transaction.scope.draw());
    let told = Some(abort_event.clone());
    transaction.add_row(saga_id, whole, Entry::Aborted, "", told, Some(id));
    let owner = Arc::clone(owner);
    owner.abort(transaction.tx(), &abort_event.body).await?;
    compensate_next(transaction, saga, saga_id).await?;
    end_deadline(transaction, saga, saga_id);
    transaction.scope.emit_as(id, abort_event);
    Ok(Abort::Aborted)
}

/// Takes in the answer to a call that this transaction has just closed, and compensates what waited for it.
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
    let saga_id = call.saga_id;
    let at = StepKey { step: &call.step, key: &call.step_key };
    let effect = take_in(transaction, saga, step, at, call, answer.answer.as_deref()).await?;
    if effect == Effect::Nothing || !transaction.is_taken_back(saga, saga_id, at) {
        return Ok(effect);
    }
    if !transaction.is_aborted(saga, saga_id) {
        // One repetition has no earlier steps, and a replica of an older release would not take it up apart.
        compensate_wanted(transaction, saga, at, saga_id).await?;
    } else if are_apart {
        go_on_apart(transaction, saga, at, saga_id).await?;
    } else {
        answer.compensations = Compensations::Along;
        compensate_next(transaction, saga, saga_id).await?;
    }
    Ok(effect)
}

/// Stores the outcome of a call, and emits it unless it is to be compensated.
async fn take_in(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    step: &CallHandlers,
    at: StepKey<'_>,
    call: &NewCall,
    answer: Option<&str>,
) -> Result<Effect, Failure> {
    let saga_id = call.saga_id;
    let state = transaction.ledger.state(saga_id, at.step, at.key);
    if call.undo {
        if state != Some(Entry::Compensating) {
            return Ok(Effect::Nothing);
        }
        let Some(answer) = answer else { return Ok(Effect::Nothing) };
        let undone = step.compensation()?.answered(transaction.tx(), &call.request, answer).await?;
        record_compensated(transaction, saga_id, at, undone);
        return Ok(Effect::Handled);
    }
    if state != Some(Entry::Calling) {
        return Ok(Effect::Nothing);
    }
    let Some(answer) = answer else {
        // Nothing was done, and nobody waits for it.
        transaction.add(saga_id, at, Entry::Refused, None);
        return Ok(Effect::Refused);
    };
    let engine = Arc::clone(&transaction.engine);
    let before = match engine.registry.step(at.step) {
        Some((_, step)) => refusal::before(transaction, step.part()).await?,
        None => None,
    };
    let outcome = step.step.answered(transaction.tx(), &call.request, answer).await?;
    if let (Some(before), AnyOutcome::Refused(_)) = (&before, &outcome) {
        refusal::take_back(transaction, before).await?;
    }
    match outcome {
        // It is open for longer, under the row that it has.
        AnyOutcome::Call(request) => {
            transaction.call(saga, saga_id, at, false, request);
            Ok(Effect::Handled)
        }
        outcome if !transaction.is_taken_back(saga, saga_id, at) => {
            take_outcome(transaction, saga, at, saga_id, outcome).await
        }
        // Aborted meanwhile: the outcome is not published, and what took effect is compensated.
        AnyOutcome::Done(event) => {
            transaction.add(saga_id, at, Entry::Done, Some(event));
            Ok(Effect::Handled)
        }
        AnyOutcome::Refused(event) => {
            transaction.add(saga_id, at, Entry::Refused, Some(event));
            Ok(Effect::Refused)
        }
    }
}

/// Records what an HTTP handler originates.
pub(crate) fn originated(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    saga_id: SagaId,
    step: &str,
    event: EncodedEvent,
) {
    let told = transaction.tell(saga_id, StepKey { step, key: NO_KEY }, Entry::Done, event);
    begin_deadline(transaction, saga, saga_id, told);
}

fn begin_deadline(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    saga_id: SagaId,
    cause: MessageId,
) {
    if let Some(deadline) = &saga.deadline {
        transaction.deadlines.begin(NewDeadline {
            saga_id,
            saga: saga.saga,
            after: deadline.part.after,
            cause,
            trace: transaction.scope.trace.clone(),
        });
    }
}

fn end_deadline(transaction: &mut Transaction<'_>, saga: &SagaEntry, saga_id: SagaId) {
    if saga.deadline.is_some() {
        transaction.deadlines.end(saga_id, saga.saga);
    }
}

/// Sets the deadline when the saga begins, and ends it when the saga is decided.
fn keep_deadline(
    transaction: &mut Transaction<'_>,
    saga: &SagaEntry,
    step: &str,
    saga_id: SagaId,
    told: MessageId,
) {
    let step = saga.steps.iter().map(|step| step.part()).find(|part| part.name == step);
    match step.map(|part| part.kind) {
        Some(StepKind::Origin) => {
            begin_deadline(transaction, saga, saga_id, told);
        }
        Some(StepKind::Decision) => end_deadline(transaction, saga, saga_id),
        Some(StepKind::Compensatable | StepKind::Pivot | StepKind::Retriable) | None => {}
    }
}

/// A saga begins once: a second beginning under its id could end, or change, another saga.
pub(crate) fn begun_before(saga: &SagaEntry, saga_id: SagaId) -> Failure {
    let name = saga.saga;
    Failure::permanent(format!("{name} {saga_id} has begun before: use a new id for another saga"))
}
