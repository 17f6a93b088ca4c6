//! The parts of a batch that rolled back: each is tried on its own.

use std::collections::VecDeque;

use ballet_amqp::Backoff;

use crate::declare::handler::failure::FailureKind;
use crate::declare::step::retry::Retry;
use crate::engine::registry::Handler;
use crate::engine::rollback::BatchFailure;
use crate::lane::dead_letters::dead_letter::earlier_attempts;
use crate::lane::message::message::LaneWork;

pub(crate) async fn pause(failures: u32) {
    tokio::time::sleep(Backoff::WORK.after(failures)).await;
}

pub(crate) struct BatchPart {
    pub(crate) works: Vec<LaneWork>,
    /// How often its handler failed, its transaction was in conflict, or it failed as if the
    /// database were unavailable, though it was not.
    pub(crate) attempts: u32,
    pub(crate) conflicts: u32,
    pub(crate) losses: u32,
    /// How often the database was unavailable.
    pub(crate) waits: u32,
}

impl BatchPart {
    pub(crate) fn new(works: Vec<LaneWork>) -> Self {
        Self { works, attempts: 0, conflicts: 0, losses: 0, waits: 0 }
    }

    /// Keeps this many, and returns the others, if there are any.
    pub(crate) fn split_off(&mut self, most: usize) -> Option<Self> {
        let others = self.works.len() > most;
        others.then(|| Self { works: self.works.split_off(most), ..*self })
    }

    pub(crate) fn is_single(&self) -> bool {
        self.works.len() == 1
    }

    /// How often its only message was tried, with the attempts before it waited in retry queues.
    pub(crate) fn attempts_in_all(&self) -> u32 {
        match &self.works[..] {
            [LaneWork::Message(message)] => self.attempts + earlier_attempts(&message.delivery),
            _ => self.attempts,
        }
    }

    /// The span of the part's log lines, with the ids of its work, if there is only one.
    pub(crate) fn span(&self) -> tracing::Span {
        match &self.works[..] {
            [only] => only.span(),
            _ => tracing::Span::none(),
        }
    }

    /// Puts the failure of a commit down to the first handler of the only message, since nobody
    /// knows better. A conflict is nobody's, what failed earlier came before any handler, and none
    /// ran for a duplicate.
    pub(crate) fn blame(&self, failed: BatchFailure) -> BatchFailure {
        let is_of_handler = failed.is_of_commit && failed.failure.kind() != FailureKind::Conflict;
        let first = match &self.works[..] {
            [LaneWork::Message(message)] if is_of_handler && !message.is_duplicate => {
                message.known.handlers.first()
            }
            _ => None,
        };
        BatchFailure { handler: failed.handler.or(first.map(Handler::name)), ..failed }
    }

    pub(crate) fn retry(&self, failed: &BatchFailure) -> Retry {
        match self.works.first() {
            Some(LaneWork::Message(message)) => message.known.retry(failed.handler),
            Some(LaneWork::Answer(_)) | None => Retry::DEFAULT,
        }
    }
}

/// Splits into the messages before the poison, the poison, and those after it; into halves if no
/// poison is known. One of them may be to blame for what seemed to be the database's fault.
pub(crate) fn split(part: BatchPart, poison: Option<usize>, parts: &mut VecDeque<BatchPart>) {
    metrics::counter!("ballet_splits_total").increment(1);
    let BatchPart { mut works, losses, .. } = part;
    let places = match poison.filter(|at| *at < works.len()) {
        Some(at) => vec![at + 1, at, 0],
        None => vec![works.len() / 2, 0],
    };
    for place in places {
        let works = works.split_off(place);
        if !works.is_empty() {
            parts.push_front(BatchPart { losses, ..BatchPart::new(works) });
        }
    }
}
