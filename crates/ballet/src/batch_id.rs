//! The name of one batch of outgoing messages.

use std::fmt;

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
