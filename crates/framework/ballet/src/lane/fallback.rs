//! The destination of messages whose immediate attempts are used up: a retry queue, or a dead letter.

use std::sync::Arc;

use ballet_core::{Reason, Unacceptable};

use crate::declare::handler::failure::FailureKind;
use crate::declare::step::retry::Delay;
use crate::engine::caller::ask_again;
use crate::engine::engine::Engine;
use crate::engine::registry::Handler;
use crate::engine::rollback::BatchFailure;
use crate::lane::batch::batch::make_partitions;
use crate::lane::batch::dispatch::entomb;
use crate::lane::dead_letters::dead_letter::{self, OriginalMessage, RetryWait};
use crate::lane::message::message::{LaneMessage, LaneWork};
use crate::lane::part::pause;

/// Puts messages off, or sets them aside, when the immediate attempts are used up.
pub(super) async fn later_or_never(
    engine: &Arc<Engine>,
    works: Vec<LaneWork>,
    failed: &BatchFailure,
    attempts: u32,
) {
    // The handlers of a message commit together: if one failed, none compensated anything.
    let compensates = works.iter().any(LaneWork::compensates);
    let permanent = failed.failure.kind() == FailureKind::Permanent;
    if compensates && !permanent {
        // A compensation is never given up silently.
        return later(engine, works, failed, attempts).await;
    }
    for work in works {
        match work {
            LaneWork::Message(message) => {
                let delivery = &message.delivery;
                let (reason, wait) = match failed.failure.kind() {
                    FailureKind::Permanent => (failed.reason.unwrap_or(Reason::Permanent), None),
                    FailureKind::NotYet => {
                        let delay = Delay::for_an_hour(dead_letter::other_waits(delivery));
                        (Reason::NotYet, delay.map(RetryWait::Other))
                    }
                    _ => {
                        let retry = message.known.retry(failed.handler);
                        let delay = retry.after(dead_letter::failed_waits(delivery));
                        (Reason::Failed, delay.map(RetryWait::AfterFailure))
                    }
                };
                match wait {
                    Some(wait) => put_off(engine, *message, failed, wait, attempts),
                    None => {
                        if needs_tombstone(&message, failed) {
                            leave_tombstone(engine, &message).await;
                        }
                        let why = Unacceptable::new(reason, failed.failure.to_string());
                        end_span(engine, &message, Err(&why.detail));
                        let original = original(*message);
                        dead_letter::set_aside(engine, original, why, failed.handler, attempts);
                    }
                }
            }
            // A call is never given up: its answer is asked for again under the same key.
            LaneWork::Answer(answer) => ask_again(engine, *answer, &failed.failure),
        }
    }
}

/// Tries work that is in conflict with another transaction, or lost its server several times, again later, for
/// about an hour. Then it has failed like any other.
pub(super) async fn after_conflict(
    engine: &Arc<Engine>,
    works: Vec<LaneWork>,
    failed: &BatchFailure,
    attempts: u32,
) {
    // A missing partition is made, so that conflict ends.
    let may_end = |work: &LaneWork| match work {
        LaneWork::Message(message) if !failed.failure.is_missing_partition() => {
            Delay::for_an_hour(dead_letter::other_waits(&message.delivery)).is_some()
        }
        LaneWork::Message(_) | LaneWork::Answer(_) => true,
    };
    let (later_again, over) = works.into_iter().partition(may_end);
    later(engine, later_again, failed, attempts).await;
    later_or_never(engine, over, failed, attempts).await;
}

/// Tries again later, without end.
async fn later(engine: &Arc<Engine>, works: Vec<LaneWork>, failed: &BatchFailure, attempts: u32) {
    for work in works {
        match work {
            LaneWork::Message(message) => {
                if needs_tombstone(&message, failed) {
                    leave_tombstone(engine, &message).await;
                }
                let delay = Delay::endless(dead_letter::other_waits(&message.delivery));
                put_off(engine, *message, failed, RetryWait::Other(delay), attempts);
            }
            LaneWork::Answer(answer) => ask_again(engine, *answer, &failed.failure),
        }
    }
}

fn put_off(
    engine: &Arc<Engine>,
    message: LaneMessage,
    failed: &BatchFailure,
    wait: RetryWait,
    attempts: u32,
) {
    let waits_for_another = failed.failure.kind() == FailureKind::NotYet;
    let reason = if waits_for_another { Reason::NotYet } else { Reason::Failed };
    let why = Unacceptable::new(reason, failed.failure.to_string());
    end_span(engine, &message, Err(&why.detail));
    // A conflict comes before any handler. It is noted all the same: a restored service is told again
    // since the oldest message that it had not handled.
    let first = message.known.handlers.first().map(Handler::name);
    let handler = failed.handler.or(first);
    dead_letter::retry_later(engine, original(message), why, handler, wait, attempts);
}

fn original(message: LaneMessage) -> OriginalMessage {
    let span = message.span();
    let LaneMessage { delivery, receipt, .. } = message;
    OriginalMessage { delivery, receipt, span }
}

/// Ends a message's span. The spans of its copy, if there is one, are in the same trace.
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
