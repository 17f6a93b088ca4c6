//! Runs one of a message's handlers.

use ballet_core::own_handlers::ABORT_ON_REFUSAL;
use ballet_store::copies::republications;
use ballet_store::ledger::entry::StepKey;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::declare::step::owner::Abort;
use crate::engine::arrivals::{abort_as_owner, trigger};
use crate::engine::compensation::{abort_all, compensate_key};
use crate::engine::effect::Effect;
use crate::engine::registry::Handler;
use crate::engine::saga_work::SagaWork;
use crate::engine::transaction::Transaction;
use crate::lane::message::message::LaneMessage;

pub(crate) async fn handle(
    transaction: &mut Transaction<'_>,
    handler: &Handler,
    at: usize,
    message: &mut LaneMessage,
) -> Result<Effect, Failure> {
    let event = message.event(at)?;
    match handler {
        Handler::Step { saga, step, place } => {
            let (saga_id, body) = (message.saga_id()?, message.body());
            trigger(&mut SagaWork::new(transaction, saga, saga_id), step, *place, event, body).await
        }
        Handler::Abort { saga } => {
            let work = SagaWork::new(transaction, saga, message.saga_id()?);
            let abort = work.item(message.encoded());
            let effects = abort_all(transaction, saga, vec![abort]).await;
            let effects = effects.map_err(|failed| failed.failure)?;
            Ok(effects.first().copied().unwrap_or(Effect::Nothing))
        }
        // The pivot may have been quicker than a deadline, and mostly was.
        Handler::AbortCause { saga, cause } => {
            let (saga_id, abort_event) = (message.saga_id()?, (cause.abort_event)(event)?);
            let work = &mut SagaWork::new(transaction, saga, saga_id);
            let abort = abort_as_owner(work, abort_event).await?;
            if abort == Abort::TooLate && handler.name() == ABORT_ON_REFUSAL {
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
        Handler::KeyedCompensation { saga, undo } => {
            let (saga_id, key) = (message.saga_id()?, (undo.key)(event)?);
            let work = &mut SagaWork::new(transaction, saga, saga_id);
            compensate_key(work, StepKey { step: undo.step, key: &key }, message.encoded()).await
        }
        Handler::Projection(projection) => {
            projection.apply(transaction.tx(), event).await?;
            Ok(Effect::Handled)
        }
        Handler::Copy(feed) => {
            let (rows, page) = (feed.versions)(event)?;
            transaction.copied.add(feed.entity, rows, page, message.made_at_latest());
            Ok(Effect::Handled)
        }
        Handler::Share(entity) => {
            answered(republications::request(transaction.db(), entity)).await?;
            Ok(Effect::Handled)
        }
    }
}
