//! Which handler runs for a message, and the tombstone for one whose compensation fails.

use std::sync::Arc;

use ballet_store::copies::republications;
use ballet_store::ledger::event::EncodedEvent;
use bytes::Bytes;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::{Failure, FailureKind};
use crate::declare::step::owner::Abort;
use crate::engine::age::forgotten;
use crate::engine::arrivals::{abort_as_owner, trigger};
use crate::engine::commit::commit;
use crate::engine::compensation::{self, abort_here, check_held, compensate_key};
use crate::engine::effect::Effect;
use crate::engine::engine::Engine;
use crate::engine::registry::Handler;
use crate::engine::transaction::Transaction;
use crate::lane::message::message::LaneMessage;

/// Runs one of a message's handlers.
pub(crate) async fn handle(
    transaction: &mut Transaction<'_>,
    handler: &Handler,
    at: usize,
    message: &mut LaneMessage,
) -> Result<Effect, Failure> {
    let event = message.event(at)?;
    let saga_id = || {
        message.envelope.saga_id.ok_or_else(|| {
            Failure::permanent(format!("{} came without a saga", message.envelope.event_type))
        })
    };
    match handler {
        Handler::Step { saga, step, place } => {
            let (saga_id, body) = (saga_id()?, message.body());
            trigger(transaction, saga, step, *place, saga_id, event, body).await
        }
        Handler::Abort { saga } => {
            let body = Bytes::copy_from_slice(message.body());
            let abort_event = EncodedEvent { event_type: message.envelope.event_type, body };
            abort_here(transaction, saga, saga_id()?, abort_event).await
        }
        Handler::Refusal { saga, refusal } => {
            let (saga_id, abort_event) = (saga_id()?, refusal.abort_event(event)?);
            let abort = abort_as_owner(transaction, saga, saga_id, abort_event).await?;
            if abort == Abort::TooLate {
                let (id, event_type) = (message.envelope.message_id, message.envelope.event_type);
                tracing::error!(
                    %id, saga = %saga_id,
                    "{event_type} came after the decision, and aborts nothing: {} ends well without that step. Let \
                     the decision wait for the step, as `ballet check` says",
                    saga.saga
                );
            }
            Ok(if abort == Abort::Aborted { Effect::Handled } else { Effect::Nothing })
        }
        // The pivot may have been quicker, and mostly was.
        Handler::Deadline { saga, passed } => {
            let (saga_id, abort_event) = (saga_id()?, passed.abort_event(event)?);
            let abort = abort_as_owner(transaction, saga, saga_id, abort_event).await?;
            Ok(if abort == Abort::Aborted { Effect::Handled } else { Effect::Nothing })
        }
        Handler::KeyedCompensation { saga, undo } => {
            let (saga_id, key) = (saga_id()?, undo.key(event)?);
            let body = Bytes::copy_from_slice(message.body());
            let event = EncodedEvent { event_type: message.envelope.event_type, body };
            compensate_key(transaction, saga, undo.step(), &key, saga_id, event).await
        }
        Handler::Projection(projection) => {
            projection.apply(transaction.tx(), event).await?;
            Ok(Effect::Handled)
        }
        Handler::Copy(feed) => {
            let (rows, page) = feed.versions(event)?;
            transaction.copied.add(feed.entity(), rows, page, message.made_at_latest());
            Ok(Effect::Handled)
        }
        Handler::Share(entity) => {
            answered(republications::request(transaction.db(), entity)).await?;
            Ok(Effect::Handled)
        }
    }
}

/// Commits the tombstones that an abort leaves, and nothing else of it.
pub(crate) async fn entomb(
    engine: &Arc<Engine>,
    message: &LaneMessage,
    may_be_forgotten: bool,
) -> Result<(), Failure> {
    let LaneMessage { envelope, known, .. } = message;
    let Some(saga_id) = envelope.saga_id else { return Ok(()) };
    let mut transaction = Transaction::begin(Arc::clone(engine)).await?;
    match check_held(&mut transaction).await {
        // Steps that a restored database has forgotten are still to be done, so that they can be compensated.
        Err(failure) if failure.kind() == FailureKind::NotYet => return Ok(()),
        checked => checked?,
    }
    transaction.receive(&[saga_id], &[]).await?;
    if may_be_forgotten {
        let saga = std::iter::once(saga_id);
        let now = transaction.scope.now;
        let forgotten = forgotten(transaction.db(), &engine.limits, saga, now);
        if answered(forgotten).await?.is_some() {
            // There is no place for it any more, and nothing that it could keep from happening.
            return Ok(());
        }
    }
    // Nothing is emitted.
    transaction.enter(Some(saga_id), Some(envelope.message_id), None);
    let body = Bytes::copy_from_slice(message.body());
    let abort_event = EncodedEvent { event_type: envelope.event_type, body };
    for handler in &known.handlers {
        if let Handler::Abort { saga } = handler {
            compensation::entomb(&mut transaction, saga, saga_id, abort_event.clone());
        }
    }
    commit(transaction, &[]).await.map(drop)
}
