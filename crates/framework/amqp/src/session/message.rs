//! Outgoing and incoming messages, and the broker's answers.

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::ShortString;

use crate::headers::names::DELIVERY_COUNT;
use crate::headers::value::count_header;

/// The delivery mode of a message that a classic queue keeps over a restart of the broker. Quorum queues and streams
/// keep every message.
pub const PERSISTENT: u8 = 2;

pub(crate) fn text_of(property: &Option<ShortString>) -> Option<String> {
    property.as_ref().map(ToString::to_string)
}

/// A message to publish.
#[derive(Debug, Clone, PartialEq)]
pub struct Publish {
    /// The exchange to publish to.
    pub exchange: String,
    /// The routing key, which is the event's type.
    pub routing_key: String,
    /// Whether the broker returns the message when no queue is bound for it.
    pub mandatory: bool,
    /// All properties and headers, sent as they are.
    pub properties: BasicProperties,
    /// The body, sent as it is.
    pub body: Bytes,
}

/// A message that the broker delivered and that is not yet acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The delivery tag: the number of the delivery on the channel.
    pub tag: u64,
    /// Whether the message may have been delivered before.
    pub redelivered: bool,
    /// The exchange that the message was published to.
    pub exchange: String,
    /// The routing key of the message.
    pub routing_key: String,
    /// All properties and headers, as delivered.
    pub properties: BasicProperties,
    /// The body, as delivered.
    pub body: Vec<u8>,
}

impl Delivery {
    /// Returns how often the message was delivered before, as the broker counts it.
    #[must_use]
    pub fn earlier_deliveries(&self) -> u32 {
        // A producer could have set the header, but not the flag.
        if self.redelivered { count_header(&self.properties, DELIVERY_COUNT) } else { 0 }
    }
}

/// The broker's answer to one published message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageConfirm {
    /// The number that [`Session::publish`](crate::session::seam::Session::publish) returned.
    pub number: u64,
    /// The answer.
    pub outcome: PublishOutcome,
}

/// The result of publishing a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishOutcome {
    /// Every queue that the message was routed to has it.
    Ack,
    /// At least one queue did not accept the message; others may have it.
    Nack,
    /// The message was mandatory, and no queue is bound for it.
    Returned {
        /// The AMQP reply code, 312 for `NO_ROUTE`.
        code: u16,
        /// The broker's text.
        text: String,
    },
}
