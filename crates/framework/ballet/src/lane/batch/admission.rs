//! Admission: which works of a batch are new, and whether this service remembers enough to say so.
//!
//! Without a memory, a message that was handled looks like one that was not, and becomes a dead
//! letter that says so. A message that is noted as failing here was not handled, however old it is.
//! A partition that could not be made yet has forgotten nothing, so its messages are tried again.

use std::sync::Arc;

use ballet_core::{MessageId, Reason, SagaId, id};
use ballet_store::calls::key::CallKey;
use ballet_store::calls::stored as calls;
use ballet_store::inbox::messages::{MessageMemory, NewMessage, ReceiveResult, remembered};

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::engine::age::{forgotten, why_forgotten, why_repeated, why_too_old};
use crate::engine::registry::Handler;
use crate::engine::rollback::BatchFailure;
use crate::engine::transaction::Transaction;
use crate::lane::batch::outcome_counts::OutcomeCounts;
use crate::lane::batch::plan::{BatchSlot, plan};
use crate::lane::batch::works::Batch;
use crate::lane::message::message::{LaneMessage, LaneWork};

/// Locks the sagas, notes the messages and the answers, and plans the runs of the new ones.
pub(crate) async fn admit(
    transaction: &mut Transaction<'_>,
    batch: &mut Batch,
    counted: &mut OutcomeCounts,
) -> Result<(), BatchFailure> {
    let sagas: Vec<SagaId> = batch.arrived.iter().filter_map(LaneWork::saga).collect();
    check_messages(transaction, &mut batch.arrived).await?;
    let messages: Vec<NewMessage> = batch.arrived.iter().filter_map(LaneWork::in_inbox).collect();
    let mut received = transaction.receive(&sagas, &messages).await?;
    let answers: Vec<(CallKey, Option<&str>)> = batch.arrived.iter().filter_map(answer).collect();
    let now = transaction.scope.now;
    let mut open = answered(calls::close(transaction.db(), &answers, now)).await?;

    let mut new = Vec::with_capacity(batch.arrived.len());
    for mut work in std::mem::take(&mut batch.arrived) {
        let is_new = match &mut work {
            LaneWork::Message(message) => {
                let is_new = received.fresh.remove(&message.envelope.message_id);
                // It may have been in a batch before, which was rolled back.
                message.is_duplicate = !is_new;
                message.reuses_id = !is_new && is_reused(message, &received, &new);
                if !is_new {
                    counted.add(message.envelope.event_type.name(), "duplicate");
                }
                is_new
            }
            LaneWork::Answer(answer) => open.remove(&answer.call.key),
        };
        if is_new { new.push(work) } else { batch.repeated.push(work) }
    }
    batch.admitted = plan(new, BatchSlot::of);
    check_sagas(transaction, batch).await
}

fn answer(work: &LaneWork) -> Option<(CallKey, Option<&str>)> {
    match work {
        LaneWork::Message(_) => None,
        LaneWork::Answer(answer) => Some((answer.call.key, answer.answer.as_deref())),
    }
}

/// Whether a message that is not new brings another content than the one that the inbox knows, or
/// else that of an earlier message of the batch.
fn is_reused(message: &LaneMessage, received: &ReceiveResult, new: &[LaneWork]) -> bool {
    let id = message.envelope.message_id;
    let in_batch = || {
        let mut earlier = new.iter().filter_map(LaneWork::message);
        earlier.find(|earlier| earlier.envelope.message_id == id).map(|earlier| earlier.content)
    };
    let known = received.known.get(&id).copied().or_else(in_batch);
    known.is_some_and(|known| known != message.content)
}

/// Fails if the inbox may have forgotten a message, and decides where old ones are kept.
async fn check_messages(
    transaction: &mut Transaction<'_>,
    works: &mut [LaneWork],
) -> Result<(), BatchFailure> {
    let messages = works.iter_mut().enumerate();
    let old = messages.filter_map(|(place, work)| Some((place, work.message_mut()?)));
    let old: Vec<(usize, &mut LaneMessage)> = old
        .filter(|(_, message)| message.age.id_is_old || message.age.is_doubtful)
        .filter(|(_, message)| id::is_timed(message.envelope.message_id.0))
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    let engine = Arc::clone(&transaction.engine);
    let ids: Vec<MessageId> = old.iter().map(|(_, message)| message.envelope.message_id).collect();
    let memories = answered(remembered(transaction.db(), &engine.limits, &ids)).await?;
    for ((place, message), memory) in old.into_iter().zip(memories) {
        let MessageMemory { of_its_time, handled, handled_apart, failing } = memory;
        let is_known = handled || handled_apart || failing;
        let is_gone = of_its_time.is_forgotten(message.age.id_is_old);
        if !is_known && (message.age.id_is_old || is_gone) {
            return Err(BatchFailure {
                poison: Some(place),
                reason: Some(Reason::TooOldToDeduplicate),
                ..Failure::permanent(why_too_old(&engine.limits, message.envelope.message_id))
                    .into()
            });
        }
        message.age.is_apart = handled_apart || is_gone;
    }
    Ok(())
}

/// Fails if the ledger has forgotten the saga of a message, or if the message began it before,
/// since nobody could tell what was done.
async fn check_sagas(transaction: &mut Transaction<'_>, batch: &Batch) -> Result<(), BatchFailure> {
    let engine = Arc::clone(&transaction.engine);
    let fail = |(place, message, _): (usize, &LaneMessage, SagaId), reason, why| BatchFailure {
        poison: Some(place),
        handler: message.known.handlers.first().map(Handler::name),
        reason: Some(reason),
        ..Failure::permanent(why).into()
    };
    let mut old = Vec::new();
    let mut without_time = Vec::new();
    for (place, message) in batch.admitted_messages() {
        let Some(saga) = message.saga() else { continue };
        let of_saga = (place, message, saga);
        if !id::is_timed(saga.0) {
            if began_before(transaction, message, saga) {
                let why = why_repeated(message.envelope.message_id);
                return Err(fail(of_saga, Reason::TooOldToDeduplicate, why));
            }
            without_time.push(of_saga);
        } else if message.age.saga_is_old || message.age.is_doubtful {
            old.push(of_saga);
        }
    }
    let mut gone = None;
    if !old.is_empty() {
        let sagas = old.iter().map(|(.., saga)| *saga);
        let now = transaction.scope.now;
        gone = answered(forgotten(transaction.db(), &engine.limits, sagas, now)).await?;
    }
    if gone.is_none() && !without_time.is_empty() {
        let sagas = without_time.iter().map(|(.., saga)| *saga);
        let (db, ledger) = transaction.db_and_ledger();
        gone = answered(ledger.forgotten_without_time(db, sagas)).await?;
    }
    let gone = old.into_iter().chain(without_time).find(|(.., saga)| Some(*saga) == gone);
    match gone {
        Some(of_saga) => {
            let why = why_forgotten(&engine.limits, engine.registry.service, of_saga.2);
            Err(fail(of_saga, Reason::SagaTooOld, why))
        }
        None => Ok(()),
    }
}

/// Whether a message that gives its saga its own id has run here before, which the inbox has
/// forgotten, and the ledger has not.
fn began_before(transaction: &Transaction<'_>, message: &LaneMessage, saga: SagaId) -> bool {
    saga.0 == message.envelope.message_id.0
        && message.known.handlers.iter().any(|handler| match handler {
            Handler::Step { step, .. } => {
                transaction.ledger.rows(saga).iter().any(|row| row.step == step.part().name)
            }
            _ => false,
        })
}
