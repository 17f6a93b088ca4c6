//! Messages on their way out and in, and the broker's answers.

use ballet_core::topology::EVENTS;
use ballet_fault::WorksOn;
use bytes::Bytes;
use lapin::BasicProperties;

/// A message to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct Publish {
    /// The exchange to publish to.
    pub exchange: String,
    /// The routing key; the event's type.
    pub routing_key: String,
    /// Whether the broker returns the message when it can be routed to no queue.
    pub mandatory: bool,
    /// All properties and headers, sent as they are.
    pub properties: BasicProperties,
    /// The body, sent as it is.
    pub body: Bytes,
}

/// A message that the broker delivered and waits to see acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its number on the channel.
    pub tag: u64,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// The exchange that it was published to.
    pub exchange: String,
    /// The routing key that it was published with.
    pub routing_key: String,
    /// All properties and headers, as they came.
    pub properties: BasicProperties,
    /// The body, as it came.
    pub body: Vec<u8>,
}

/// The broker's answer to one published message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// What [`Session::publish`](crate::session::seam::Session::publish) returned.
    pub number: u64,
    /// The answer.
    pub outcome: Outcome,
}

/// What became of a published message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every queue that it was routed to has it.
    Ack,
    /// At least one queue did not take it; others may have.
    Nack,
    /// It was mandatory, and no queue is bound for it.
    Returned {
        /// The AMQP reply code, 312 for `NO_ROUTE`.
        code: u16,
        /// The broker's words.
        text: String,
    },
}

impl WorksOn for Publish {
    fn names(&self) -> Vec<String> {
        let name = if self.exchange == EVENTS { &self.routing_key } else { &self.exchange };
        vec![name.clone()]
    }
}
