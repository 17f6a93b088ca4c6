//! The parts of a batch that rolled back: each is tried on its own.

use crate::declare::retry::Retry;
use crate::engine::failed::BatchFailure;
use crate::lane::message::Work;

/// A part of a batch that is tried on its own.
pub(crate) struct Part {
    pub(crate) works: Vec<Work>,
    /// How often its handler failed, its transaction was in conflict with another, and its
    /// connection was lost.
    pub(crate) attempts: u32,
    pub(crate) conflicts: u32,
    pub(crate) losses: u32,
}

impl Part {
    pub(crate) fn new(works: Vec<Work>) -> Self {
        Self { works, attempts: 0, conflicts: 0, losses: 0 }
    }

    pub(crate) fn is_single(&self) -> bool {
        self.works.len() == 1
    }

    /// The policy of the handler that failed.
    pub(crate) fn retry(&self, failed: &BatchFailure) -> Retry {
        match self.works.first() {
            Some(Work::Message(message)) => message.known.retry(failed.handler),
            Some(Work::Answer(_)) | None => Retry::DEFAULT,
        }
    }
}

/// Splits into the messages before the poison, the poison, and those after it; into halves if no
/// poison is known.
pub(crate) fn split(mut works: Vec<Work>, poison: Option<usize>) -> Vec<Part> {
    let mut parts = Vec::with_capacity(3);
    match poison {
        Some(at) if at < works.len() => {
            let after = works.split_off(at + 1);
            let alone = works.split_off(at);
            parts.extend([works, alone, after]);
        }
        Some(_) | None => {
            let second = works.split_off(works.len() / 2);
            parts.extend([works, second]);
        }
    }
    parts.retain(|works| !works.is_empty());
    parts.into_iter().map(Part::new).collect()
}
