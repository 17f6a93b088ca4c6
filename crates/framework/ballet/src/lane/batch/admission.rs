//! Looks up old messages in the inbox before a batch handles them: this service may have forgotten them.
//!
//! Without a memory, a message that was handled looks like one that was not. Such a message becomes
//! a dead letter that says so. A message that is noted as failing here was not handled, however old
//! it is. A partition that could not be made yet has forgotten nothing: its messages are tried again.

use std::sync::Arc;

use ballet_core::{MessageId, Reason, SagaId, id};
use ballet_store::inbox::failures;
use ballet_store::inbox::messages::{MessageMemory, NewMessage, remembered};

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::engine::age::{forgotten, why_forgotten, why_repeated, why_too_old};
use crate::engine::registry::Handler;
use crate::engine::rollback::BatchFailure;
use crate::engine::transaction::Transaction;
use crate::lane::message::message::{LaneMessage, LaneWork};

/// Fails if the inbox may have forgotten a message, and decides where old ones are kept.
pub(crate) async fn check_messages(
    transaction: &mut Transaction<'_>,
    works: &mut [LaneWork],
) -> Result<(), BatchFailure> {
    let old: Vec<(usize, MessageId)> = messages(works)
        .filter(|(_, message)| message.age.id_is_old || message.age.is_doubtful)
        .map(|(at, message)| (at, message.envelope.message_id))
        .filter(|(_, message_id)| id::is_timed(message_id.0))
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    let engine = Arc::clone(&transaction.engine);
    let ids: Vec<MessageId> = old.iter().map(|(_, message_id)| *message_id).collect();
    let memories = answered(remembered(transaction.db(), &engine.limits, &ids)).await?;
    for ((at, message_id), memory) in old.into_iter().zip(memories) {
        let LaneWork::Message(message) = &mut works[at] else { continue };
        let MessageMemory { of_its_time, handled, handled_apart, failing } = memory;
        let is_known = handled || handled_apart || failing;
        let is_gone = of_its_time.is_forgotten(message.age.id_is_old);
        if !is_known && (message.age.id_is_old || is_gone) {
            return Err(BatchFailure {
                poison: Some(at),
                reason: Some(Reason::TooOldToDeduplicate),
                ..Failure::permanent(why_too_old(&engine.limits, message_id)).into()
            });
        }
        message.age.is_apart = handled_apart || is_gone;
    }
    Ok(())
}

/// The messages of a batch, as the inbox records them.
pub(crate) fn new_messages(works: &[LaneWork]) -> Vec<NewMessage> {
    works.iter().filter_map(new_message).collect()
}

/// A message, as the inbox records it; `None` for an answer.
pub(crate) fn new_message(work: &LaneWork) -> Option<NewMessage> {
    match work {
        LaneWork::Message(message) => Some(NewMessage {
            id: message.envelope.message_id,
            apart: message.age.is_apart,
            content: message.content,
        }),
        LaneWork::Answer(_) => None,
    }
}

/// Deletes the failures of old messages that are handled now: the inbox may forget such a message
/// before anybody looks whether it was handled.
pub(crate) async fn forget_failures(
    transaction: &mut Transaction<'_>,
    works: &[LaneWork],
    handled: impl Iterator<Item = usize>,
) -> Result<(), BatchFailure> {
    let old: Vec<MessageId> = handled
        .filter_map(|at| match &works[at] {
            LaneWork::Message(message) => Some(message),
            LaneWork::Answer(_) => None,
        })
        .filter(|message| message.age.id_is_old || message.age.is_apart)
        .map(|message| message.envelope.message_id)
        .collect();
    if !old.is_empty() {
        answered(failures::forget(transaction.db(), &old)).await?;
    }
    Ok(())
}

/// Fails if the ledger has forgotten the saga of a message, or if the message began it once before:
/// what was done cannot be told from what was not.
pub(crate) async fn check_sagas(
    transaction: &mut Transaction<'_>,
    works: &[LaneWork],
    live: &[usize],
) -> Result<(), BatchFailure> {
    let engine = Arc::clone(&transaction.engine);
    let of_saga = |at: &usize| match &works[*at] {
        LaneWork::Message(message) => Some((*at, &**message, message.saga()?)),
        LaneWork::Answer(_) => None,
    };
    let fail = |(at, message, _): (usize, &LaneMessage, SagaId), reason, why| BatchFailure {
        poison: Some(at),
        handler: message.known.handlers.first().map(Handler::name),
        reason: Some(reason),
        ..Failure::permanent(why).into()
    };
    let mut old = Vec::new();
    let mut without_time = Vec::new();
    for of_saga in live.iter().filter_map(of_saga) {
        let (_, message, saga) = of_saga;
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

/// Whether a message that gives its saga its own id has run here before, so that the inbox has
/// forgotten it, and the ledger has not.
fn began_before(transaction: &Transaction<'_>, message: &LaneMessage, saga: SagaId) -> bool {
    saga.0 == message.envelope.message_id.0
        && message.known.handlers.iter().any(|handler| match handler {
            Handler::Step { step, .. } => {
                transaction.ledger.rows(saga).iter().any(|row| row.step == step.part().name)
            }
            _ => false,
        })
}

fn messages(works: &[LaneWork]) -> impl Iterator<Item = (usize, &LaneMessage)> {
    works.iter().enumerate().filter_map(|(at, work)| match work {
        LaneWork::Message(message) => Some((at, &**message)),
        LaneWork::Answer(_) => None,
    })
}
