//! Batches on their way to the broker, and what is reported of them.

use std::fmt;
use std::sync::Arc;

use crate::session::message::Publish;

/// Names one batch in the outbox: who wrote it, its number there, and the table that holds it.
///
/// A mark ("published") is a row of the table that holds the batch, so the table is part of the
/// name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId {
    /// The process that wrote the batch.
    pub owner: i64,
    /// Counts the owner's batches.
    pub number: i64,
    /// Which of the outbox tables holds the batch.
    pub table: i16,
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} in table {}", self.owner, self.number, self.table)
    }
}

/// A batch whose transaction is committed.
#[derive(Debug)]
pub struct OutBatch {
    /// Its name.
    pub batch: BatchId,
    /// Its messages in order; never changed on the way.
    pub messages: Vec<Publish>,
}

/// A batch of which every message is either confirmed by the broker or can never be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The batch.
    pub batch: BatchId,
    /// What can never be published.
    pub unpublishable: Vec<Unpublishable>,
}

/// A message that can never be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpublishable {
    /// Its index in [`OutBatch::messages`].
    pub position: i32,
    /// Why, in words.
    pub reason: String,
}

/// Told of each published batch, on the publisher's task: it must not block. Until it has
/// returned, the batch counts as [in memory](crate::PublisherHandle::in_memory).
pub type OnPublished = Arc<dyn Fn(Published) + Send + Sync>;
