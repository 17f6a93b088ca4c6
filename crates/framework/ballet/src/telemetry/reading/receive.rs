//! Receives messages of one stream in batches: one when little comes, many in a backlog.

use std::sync::Arc;

use ballet_amqp::{BrokerError, Deliveries, Delivery, Session};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use crate::declare::telemetry::Codec;
use crate::telemetry::reading::batch::{ReadingBatch, offset_of};

pub(super) struct Receiver {
    pub(super) session: Arc<dyn Session>,
    pub(super) deliveries: Deliveries,
    pub(super) codec: Codec,
    pub(super) partition: u16,
    pub(super) most: usize,
    /// The offset that comes next. `None`: any.
    pub(super) next: Option<i64>,
    /// Messages that were published before this time, in seconds, are passed over.
    pub(super) begins_at: Option<i64>,
    /// Whether the message before the place was found in the stream, or one has come since.
    pub(super) is_continuous: bool,
    /// A message that was received already.
    pub(super) first: Option<Delivery>,
    /// The offset from which on the stream has lost what was read, as the first message shows.
    pub(super) lost: Option<i64>,
}

impl Receiver {
    /// Gives batches to the writer until the connection is lost or the writer ends. While it writes one, the next is
    /// received and decoded.
    pub(super) async fn run(
        mut self,
        batches: mpsc::Sender<ReadingBatch>,
    ) -> Result<(), BrokerError> {
        loop {
            let Ok(place) = batches.reserve().await else { return Ok(()) };
            let batch = self.batch().await?;
            if !batch.seen.is_empty() {
                place.send(batch);
            }
        }
    }

    /// The next batch. It may be empty.
    pub(super) async fn batch(&mut self) -> Result<ReadingBatch, BrokerError> {
        let mut batch = ReadingBatch::new(self.codec);
        let first = match self.first.take() {
            Some(first) => first,
            None => received(self.deliveries.next().await)?,
        };
        let mut tag = first.tag;
        self.add(&mut batch, first);
        while batch.seen.len() < self.most {
            let Some(ready) = self.deliveries.next().now_or_never() else { break };
            let delivery = received(ready)?;
            tag = delivery.tag;
            self.add(&mut batch, delivery);
        }
        // It only asks for more, since the place in the database says what was read.
        self.session.ack(tag, true).await?;
        Ok(batch)
    }

    fn add(&mut self, batch: &mut ReadingBatch, delivery: Delivery) {
        let Some(offset) = offset_of(&delivery) else {
            tracing::error!("the broker delivered a message of a stream without an offset");
            return;
        };
        let is_old = |begins_at: i64| {
            let published = delivery.properties.timestamp().map(i64::try_from);
            matches!(published, Some(Ok(published)) if published < begins_at)
        };
        if self.begins_at.is_some_and(is_old) {
            return;
        }
        self.begins_at = None;
        batch.missed.extend(self.lost.take().map(|from| (from, None)));
        match self.next {
            // The broker begins with the messages that were written together with the first one.
            Some(next) if offset < next => return,
            // The broker keeps its state of publishers at the beginning of each segment, at an
            // offset of its own. A reader that the retention overtakes loses whole segments.
            Some(next) if offset > next + i64::from(self.is_continuous) => {
                batch.missed.push((next, Some(offset)));
            }
            _ => {}
        }
        self.is_continuous = true;
        self.next = Some(offset + 1);
        batch.add(self.codec, self.partition, offset, delivery);
    }
}

/// A delivery, if the consumer has not ended.
pub(super) fn received(
    next: Option<Result<Delivery, BrokerError>>,
) -> Result<Delivery, BrokerError> {
    next.unwrap_or_else(|| Err(BrokerError::Lost("the broker cancelled the consumer".to_owned())))
}
