//! Streams: logs that every reader has from a place of its own on.

use ballet_amqp::headers::STREAM_OFFSET;
use ballet_amqp::{AMQPValue, BrokerError, Delivery, FieldTable, Publish, StreamStart};
use tokio::sync::mpsc;

use crate::memory::objects::QueuedMessage;
use crate::memory::state::{BrokerState, QueueConsumer, Unacked};

impl BrokerState {
    pub(super) fn is_stream(&self, queue: &str) -> bool {
        self.queues.get(queue).is_some_and(|queue| queue.is_stream)
    }

    /// Returns `None` if the connection or the stream is gone.
    pub(super) fn read_stream(
        &mut self,
        connection: u64,
        stream: &str,
        tag: &str,
        start: StreamStart,
    ) -> Option<mpsc::UnboundedReceiver<Result<Delivery, BrokerError>>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let reader = QueueConsumer::of_stream(stream, sender);
        let queue = self.queues.get_mut(stream).filter(|queue| queue.is_stream)?;
        let first = match start {
            // It may begin earlier.
            StreamStart::Time(_) => 0,
            StreamStart::Offset(offset) => usize::try_from(offset).unwrap_or(usize::MAX),
            StreamStart::Last => queue.ready.len().saturating_sub(1),
        };
        queue.consumers.push_back((connection, tag.to_owned()));
        let length = queue.ready.len();
        self.connections.get_mut(&connection)?.consumers.insert(tag.to_owned(), reader);
        for offset in first..length {
            self.send(connection, stream, tag, offset);
        }
        Some(receiver)
    }

    pub(super) fn append(&mut self, stream: &str, publish: &Publish) {
        let Some(queue) = self.queues.get_mut(stream) else { return };
        let offset = queue.ready.len();
        queue.ready.push_back(QueuedMessage { publish: publish.clone(), earlier_deliveries: 0 });
        for (connection, tag) in queue.consumers.clone() {
            self.send(connection, stream, &tag, offset);
        }
    }

    fn send(&mut self, connection: u64, stream: &str, tag: &str, offset: usize) {
        let message = self.queues.get(stream).and_then(|queue| queue.ready.get(offset)).cloned();
        let Some((message, at)) = message.zip(self.connections.get_mut(&connection)) else {
            return;
        };
        let number = at.next_tag();
        let mut delivery = message.deliver(number);
        let headers = delivery.properties.headers().clone();
        let mut headers = headers.unwrap_or_else(FieldTable::default);
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        headers.insert(STREAM_OFFSET.into(), AMQPValue::LongLongInt(offset));
        delivery.properties = delivery.properties.with_headers(headers);
        if let Some(reader) = at.consumers.get_mut(tag) {
            reader.send(delivery);
        }
        at.unacked.insert(number, Unacked::new(stream, tag, message));
    }
}
