//! Batches on their way to the broker, and the reports about them.

use std::fmt;
use std::sync::Arc;

use crate::publisher::outgoing::Outgoing;

/// Identifies one batch in the outbox by its process, its number and its table.
///
/// The mark "published" is a row of the same table, so the table is part of the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId {
    /// The process that wrote the batch.
    pub process: i64,
    /// The number of the batch, counted per process.
    pub number: i64,
    /// The outbox table that holds the batch.
    pub table: i16,
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} in table {}", self.process, self.number, self.table)
    }
}

/// A batch whose transaction is committed.
#[derive(Debug)]
pub struct OutBatch {
    /// The id of the batch.
    pub batch: BatchId,
    /// The messages, in order, each with the positions of its events. They are never changed on the way.
    pub messages: Vec<(Arc<dyn Outgoing>, Vec<i32>)>,
}

impl OutBatch {
    /// Creates a batch of these messages, in order, each of which is one event.
    #[must_use]
    pub fn new<M: Outgoing + 'static>(
        batch: BatchId,
        messages: impl IntoIterator<Item = M>,
    ) -> Self {
        let shared = |message: M| -> Arc<dyn Outgoing> { Arc::new(message) };
        let positions = (0..).map(|position| vec![position]);
        Self { batch, messages: messages.into_iter().map(shared).zip(positions).collect() }
    }

    /// Returns the number of events.
    #[must_use]
    pub fn events(&self) -> usize {
        self.messages.iter().map(|(_, positions)| positions.len()).sum()
    }
}

/// A finished batch: each message is confirmed by the broker, can never be published, or is left
/// behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedBatch {
    /// The batch.
    pub batch: BatchId,
    /// The messages that can never be published.
    pub unpublishable: Vec<Unpublishable>,
    /// The messages that are left behind, if there are any.
    pub left_behind: Option<LeftBehind>,
}

/// Messages of a batch that wait until somebody repairs the broker, and that are only in the
/// outbox, because memory has no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftBehind {
    /// The positions of the events in the batch.
    pub positions: Vec<i32>,
    /// The bytes of their bodies.
    pub bytes: usize,
    /// The value of [`releases`](crate::PublisherHandle::releases) at that time. They may be read back when
    /// it returns more.
    pub releases: u64,
}

/// A message that can never be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpublishable {
    /// The position of the event in the batch.
    pub position: i32,
    /// The routing key of the message.
    pub routing_key: String,
    /// The id of the message.
    pub message_id: String,
    /// The correlation id, if the message has one.
    pub correlation_id: Option<String>,
    /// The reason, as text.
    pub reason: String,
}

/// Called for each published batch, on the publisher's task. It must not block. The batch counts
/// as [waiting](crate::PublisherHandle::waiting) until the call returns.
pub type OnPublished = Arc<dyn Fn(PublishedBatch) + Send + Sync>;
