//! One message of the stream, from the journal or a recording.

use std::borrow::Cow;

use ballet_amqp::headers::{
    CAUSATION_ID, DEAD_AT, DEAD_EXCHANGE, DEAD_ROUTING_KEY, DEAD_SERVICE, STREAM_OFFSET,
};
use ballet_amqp::headers::{integer_header, text_header};
use ballet_amqp::{AMQPValue, BasicProperties, Delivery, ShortString, incoming_of, pack};
use ballet_core::envelope::{Envelope, Incoming, Limits, is_blank};
use ballet_core::id::time_of;
use ballet_core::topology::{DEAD, EVENTS};
use jiff::Timestamp;
use uuid::Uuid;

/// A message of the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The offset in the journal, if it comes from there.
    pub offset: Option<u64>,
    /// The time of its id, else its timestamp. For a dead letter, the time of its death.
    pub time: Option<Timestamp>,
    /// The exchange to which it was published.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// All properties and headers.
    pub properties: BasicProperties,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl From<Delivery> for Record {
    fn from(delivery: Delivery) -> Self {
        let Delivery { exchange, routing_key, properties, body, .. } = delivery;
        let offset = integer_header(&properties, STREAM_OFFSET);
        let offset = offset.and_then(|offset| u64::try_from(offset).ok());
        let mut record = Self { offset, time: None, exchange, routing_key, properties, body };
        record.time = record.made_at();
        record
    }
}

impl Record {
    /// Returns its type: the routing key of a message published to `events`, else the property, else the routing key. A
    /// dead letter keeps its original's type.
    #[must_use]
    pub fn event_type(&self) -> &str {
        let named = self.guarded().or_else(|| text(self.properties.kind()));
        named.unwrap_or(&self.routing_key)
    }

    /// Whether its property `type` differs from its type. Services refuse such a message, so it is no event of the
    /// named saga.
    #[must_use]
    pub fn is_forged(&self) -> bool {
        let claimed = text(self.properties.kind()).filter(|claimed| !is_blank(claimed));
        claimed.zip(self.guarded()).is_some_and(|(claimed, key)| claimed != key)
    }

    /// Returns the routing key if the broker checked it against the publisher's permissions, as it checks no property.
    fn guarded(&self) -> Option<&str> {
        let header = |name| text_header(&self.properties, name);
        match &*self.exchange {
            EVENTS => Some(&self.routing_key),
            DEAD if header(DEAD_EXCHANGE) == Some(EVENTS) => header(DEAD_ROUTING_KEY),
            _ => None,
        }
    }

    /// Returns the messages that a pack bears, or the message itself. A pack that cannot be read, or is dead as a
    /// whole, stays one.
    #[must_use]
    pub fn members(self) -> Vec<Self> {
        if self.is_dead_letter() {
            return vec![self];
        }
        pack::members_of(self.into_delivery()).into_iter().map(Self::from).collect()
    }

    /// Whether both are one message, by what a recording preserves, or this is a pack that bears the other one.
    #[must_use]
    pub fn is_same_message_as(&self, other: &Self) -> bool {
        let is_same = |one: &Self| {
            one.message_id() == other.message_id()
                && one.exchange == other.exchange
                && one.routing_key == other.routing_key
                && one.body == other.body
        };
        is_same(self)
            || pack::is_pack(&self.properties) && self.clone().members().iter().any(is_same)
    }

    /// Returns its message id.
    #[must_use]
    pub fn message_id(&self) -> Option<&str> {
        text(self.properties.message_id())
    }

    /// Returns the id under which services know it: its message id, or one derived if that is no UUID.
    #[must_use]
    pub fn known_as(&self) -> Uuid {
        if let Some(Ok(id)) = self.message_id().map(Uuid::try_parse) {
            return id;
        }
        Envelope::message_id_of(&self.incoming(), &Limits::of_tools()).0
    }

    /// Returns the named saga, as services read it: from the property, or else as a CloudEvent.
    #[must_use]
    pub fn correlation_id(&self) -> Option<Cow<'_, str>> {
        match text(self.properties.correlation_id()).filter(|saga| !is_blank(saga)) {
            Some(saga) => Some(Cow::Borrowed(saga)),
            None => Envelope::correlation_id_of(&self.incoming(), &Limits::of_tools()),
        }
    }

    pub(crate) fn incoming(&self) -> Incoming<'_> {
        incoming_of(&self.exchange, &self.routing_key, &self.properties, &self.body)
    }

    /// Makes a delivery of it that nobody acknowledges.
    pub(crate) fn into_delivery(self) -> Delivery {
        let Self { exchange, routing_key, properties, body, .. } = self;
        Delivery { tag: 0, redelivered: false, exchange, routing_key, properties, body }
    }

    pub(crate) fn with_known_id(&self) -> Cow<'_, Self> {
        let id = self.known_as().to_string();
        if self.message_id() == Some(&*id) {
            return Cow::Borrowed(self);
        }
        let properties = self.properties.clone().with_message_id(id.into());
        Cow::Owned(Self { properties, ..self.clone() })
    }

    /// Returns the id of its saga, as services know it.
    #[must_use]
    pub fn saga_id(&self) -> Option<Uuid> {
        match self.correlation_id() {
            Some(saga) => Uuid::try_parse(&saga).ok(),
            None => Some(self.known_as()),
        }
    }

    /// Returns its correlation id. An event without one begins a saga with its own id.
    #[must_use]
    pub fn saga(&self) -> Option<&str> {
        text(self.properties.correlation_id()).or_else(|| self.message_id())
    }

    /// Returns the service that published it, or in which it died.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        if self.is_dead_letter() {
            return text_header(&self.properties, DEAD_SERVICE).or(Some(&self.routing_key));
        }
        text(self.properties.app_id())
    }

    /// Returns the id of the message that caused it.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        text_header(&self.properties, CAUSATION_ID).filter(|cause| !cause.is_empty())
    }

    /// Whether it is the copy of a dead letter, or a tool's note about one.
    #[must_use]
    pub fn is_dead_letter(&self) -> bool {
        self.exchange == DEAD
    }

    /// Returns the headers of the message itself. The broker adds the offset on delivery.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &AMQPValue)> {
        let headers = self.properties.headers().as_ref().map(|headers| headers.inner());
        let headers = headers.into_iter().flatten().map(|(name, value)| (name.as_str(), value));
        headers.filter(|(name, _)| *name != STREAM_OFFSET)
    }

    /// Returns the body as text.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Returns the time at which it was made, to the millisecond if anything has it.
    fn made_at(&self) -> Option<Timestamp> {
        if self.is_dead_letter()
            && let Some(at) = text_header(&self.properties, DEAD_AT)
            && let Ok(at) = at.parse()
        {
            return Some(at);
        }
        let id = self.message_id().and_then(|id| Uuid::try_parse(id).ok());
        let seconds = || (*self.properties.timestamp()).and_then(|at| i64::try_from(at).ok());
        id.and_then(time_of).or_else(|| Timestamp::from_second(seconds()?).ok())
    }
}

fn text(property: &Option<ShortString>) -> Option<&str> {
    property.as_ref().map(ShortString::as_str).filter(|text| !text.is_empty())
}
