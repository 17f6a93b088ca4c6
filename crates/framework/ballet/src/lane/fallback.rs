//! The destination of messages whose immediate attempts are used up: a retry queue, or a dead letter.

use std::sync::Arc;

use ballet_core::{Reason, Unacceptable};

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::{Failure, FailureKind};
use crate::declare::step::retry::Delay;
use crate::engine::age::forgotten;
use crate::engine::caller::ask_again;
use crate::engine::commit::commit;
use crate::engine::compensation::{self, check_held};
use crate::engine::engine::Engine;
use crate::engine::registry::Handler;
use crate::engine::rollback::BatchFailure;
use crate::engine::saga_work::SagaWork;
use crate::engine::transaction::Transaction;
use crate::lane::batch::batch::make_partitions;
use crate::lane::dead_letters::dead_letter::{self, OriginalMessage, RetryWait};
use crate::lane::message::message::{LaneMessage, LaneWork};
use crate::lane::part::pause;

/// Puts works off, or sets them aside, when the immediate attempts are used up. A message
/// `in_conflict` with another transaction, or that lost its server several times, is tried for
/// about an hour before it has failed like any other.
pub(super) async fn leave(
    engine: &Arc<Engine>,
    works: Vec<LaneWork>,
    failed: &BatchFailure,
    attempts: u32,
    in_conflict: bool,
) {
    for work in works {
        match work {
            LaneWork::Message(message) => {
                leave_message(engine, *message, failed, attempts, in_conflict).await;
            }
            // A call is never given up. Its answer is asked for again under the same key.
            LaneWork::Answer(answer) => ask_again(engine, *answer, &failed.failure),
        }
    }
}

async fn leave_message(
    engine: &Arc<Engine>,
    message: LaneMessage,
    failed: &BatchFailure,
    attempts: u32,
    in_conflict: bool,
) {
    if needs_tombstone(&message, failed) {
        leave_tombstone(engine, &message).await;
    }
    let reason = match failed.failure.kind() {
        FailureKind::Permanent => failed.reason.unwrap_or(Reason::Permanent),
        FailureKind::NotYet => Reason::NotYet,
        FailureKind::Transient | FailureKind::Conflict | FailureKind::ConnectionLost => {
            Reason::Failed
        }
    };
    let why = Unacceptable::new(reason, failed.failure.to_string());
    end_span(engine, &message, Err(&why.detail));
    let wait = wait(&message, failed, in_conflict);
    // A conflict comes before any handler. It is noted, since a restored service hears again
    // everything since the oldest message that it had not handled.
    let first = message.known.handlers.first().map(Handler::name);
    let span = message.span();
    let LaneMessage { delivery, receipt, .. } = message;
    let original = OriginalMessage { delivery, receipt, span };
    match wait {
        Some(wait) => {
            let handler = failed.handler.or(first);
            dead_letter::retry_later(engine, original, why, handler, wait, attempts);
        }
        None => dead_letter::set_aside(engine, original, why, failed.handler, attempts),
    }
}

/// `None` if the message is not tried again.
fn wait(message: &LaneMessage, failed: &BatchFailure, in_conflict: bool) -> Option<RetryWait> {
    let delivery = &message.delivery;
    let others = dead_letter::other_waits(delivery);
    let kind = failed.failure.kind();
    if kind == FailureKind::Permanent {
        return None;
    }
    // A compensation is never given up silently. A missing partition is made, so that conflict
    // ends.
    let is_endless =
        message.known.compensates() || (in_conflict && failed.failure.is_missing_partition());
    if is_endless {
        return Some(RetryWait::Other(Delay::endless(others)));
    }
    let for_an_hour = Delay::for_an_hour(others).map(RetryWait::Other);
    if kind == FailureKind::NotYet || (in_conflict && for_an_hour.is_some()) {
        return for_an_hour;
    }
    let retry = message.known.retry(failed.handler);
    retry.after(dead_letter::failed_waits(delivery)).map(RetryWait::AfterFailure)
}

/// The spans of the message's copy, if there is one, are in the same trace.
pub(super) fn end_span(engine: &Engine, message: &LaneMessage, outcome: Result<&str, &str>) {
    if !engine.spans.are_on() {
        return;
    }
    let waits = dead_letter::waits(&message.delivery);
    let now = engine.time.clock.now();
    message.traced.left(&engine.spans, &message.envelope, waits, outcome, now);
}

/// Until the compensation is done, the tombstone must keep later steps from taking effect.
fn needs_tombstone(message: &LaneMessage, failed: &BatchFailure) -> bool {
    // Without the saga's lock there is no tombstone either.
    let locked = failed.handler.is_none() && failed.failure.kind() == FailureKind::Conflict;
    // Nor for a saga or message that is forgotten.
    let forgotten = matches!(failed.reason, Some(Reason::SagaTooOld | Reason::TooOldToDeduplicate));
    message.known.aborts() && !locked && !forgotten
}

async fn leave_tombstone(engine: &Arc<Engine>, message: &LaneMessage) {
    let mut may_be_forgotten = message.age.saga_is_old || message.age.is_doubtful;
    while let Err(failure) = entomb(engine, message, may_be_forgotten).await {
        if failure.is_missing_partition() {
            make_partitions(engine).await;
            may_be_forgotten = true;
        }
        message.span().in_scope(|| {
            tracing::warn!("a tombstone could not be written; trying again: {failure}");
        });
        if *engine.stopping.borrow() {
            return;
        }
        pause(4).await;
        engine.database.until_it_works().await;
    }
}

/// Commits the tombstones that an abort leaves, and nothing else of it.
async fn entomb(
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
    for handler in &known.handlers {
        if let Handler::Abort { saga } = handler {
            let work = &mut SagaWork::new(&mut transaction, saga, saga_id);
            compensation::entomb(work, message.encoded());
        }
    }
    commit(transaction, &[]).await.map(drop)
}
