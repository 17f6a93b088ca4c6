//! One dead letter, as it lies in a service's `.dead` queue.

use std::borrow::Cow;
use std::sync::Arc;

use ballet_core::envelope::{self, Limits, Unacceptable};
use ballet_core::topology::EVENTS;
use ballet_core::{MessageId, id};
use jiff::Timestamp;
use uuid::Uuid;

use ballet_amqp::headers::{ATTEMPTS, count_header, text_header};
use ballet_amqp::{AMQPValue, BasicProperties, BrokerError, Delivery, Session};

/// The most that is unpacked for people: more than any service takes by default, and no bomb.
const READABLE: usize = 16 * 1024 * 1024;

/// What the headers about a redrive and an edit are called.
pub(super) mod header {
    pub(crate) const REDRIVES: &str = "x-redrives";
    pub(crate) const RUN: &str = "x-redrive-id";
    pub(crate) const ORIGINAL_ID: &str = "x-original-message-id";
}

/// A message that a service could not handle, with the reason. Everything is kept as it came;
/// what is wrong with it may be in any part of it.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Whose it is: the service that could not handle it.
    pub service: String,
    /// The id under which that service knows, or would know, the message.
    pub id: MessageId,
    /// The event's name, as far as the message says one.
    pub event_type: Option<String>,
    /// The saga, as far as the message says one.
    pub saga: Option<String>,
    /// The machine-readable reason.
    pub reason: String,
    /// The handler that failed.
    pub step: Option<String>,
    /// The reason in a sentence.
    pub detail: Option<String>,
    /// When it became a dead letter.
    pub dead_at: Option<Timestamp>,
    /// How often it was tried since it was sent, or redriven.
    pub attempts: u64,
    /// How often it was redriven before.
    pub redrives: u64,
    /// The exchange that the message was published to.
    pub exchange: Option<String>,
    /// The routing key that it was published with.
    pub routing_key: Option<String>,
    /// All properties and headers.
    pub properties: BasicProperties,
    /// The body, untouched.
    pub body: Vec<u8>,
    tag: u64,
    /// Through which it can be removed.
    holder: Option<Arc<dyn Session>>,
    pub(super) run: Option<Uuid>,
}

impl Letter {
    pub(super) fn read(service: &str, delivery: Delivery) -> Self {
        let Delivery { tag, properties, body, .. } = delivery;
        let text = |name: &str| text_header(&properties, name).map(str::to_owned);
        let death = Death::read(&properties);
        let exchange = text("x-dead-exchange").or(death.exchange);
        let routing_key = text("x-dead-routing-key").or(death.routing_key);
        let said = properties.kind().as_ref().map(ToString::to_string).filter(|t| !t.is_empty());
        let event_type =
            said.or_else(|| routing_key.clone().filter(|_| exchange.as_deref() == Some(EVENTS)));
        let message_id = properties.message_id().as_ref().map(ToString::to_string);
        let saga = properties.correlation_id().as_ref().map(ToString::to_string);
        let run = text(header::RUN).and_then(|run| run.parse().ok());
        Self {
            service: service.to_owned(),
            id: known_id(message_id.as_deref(), event_type.as_deref(), &body),
            saga: saga.filter(|saga| !saga.is_empty()),
            reason: text("x-dead-reason").or(death.reason).unwrap_or_else(|| "unknown".to_owned()),
            step: text("x-dead-step"),
            detail: text("x-dead-detail"),
            dead_at: text("x-dead-at").and_then(|at| at.parse().ok()).or(death.at),
            attempts: count_header(&properties, ATTEMPTS).into(),
            redrives: count_header(&properties, header::REDRIVES).into(),
            event_type,
            exchange,
            routing_key,
            properties,
            body,
            tag,
            holder: None,
            run,
        }
    }

    pub(super) fn held_by(mut self, holder: Arc<dyn Session>) -> Self {
        self.holder = Some(holder);
        self
    }

    /// Takes it out of its queue.
    pub(super) async fn remove(&self) -> Result<(), BrokerError> {
        match &self.holder {
            Some(holder) => holder.ack(self.tag, false).await,
            None => Ok(()),
        }
    }

    /// The header of that name, if it is a text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        text_header(&self.properties, name)
    }

    /// The body as text, if it is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }

    /// The body as people read it: unpacked, if it is packed. What says that it is packed, and is
    /// text nevertheless, is that text.
    ///
    /// # Errors
    ///
    /// If it is no text, with the reason.
    pub fn readable(&self) -> Result<Cow<'_, str>, Unacceptable> {
        if let Some(text) = self.text() {
            return Ok(Cow::Borrowed(text));
        }
        let limits = Limits { max_body: READABLE, max_depth: usize::MAX, ..Limits::default() };
        let encoding = self.properties.content_encoding().as_ref().map(|text| text.as_str());
        let body = envelope::unpack(&self.body, encoding, &limits)?;
        Ok(Cow::Owned(String::from_utf8_lossy(&body).into_owned()))
    }

    /// Whether the id says that it is older than this, so that the service would not take it.
    pub(super) fn id_is_before(&self, floor: Timestamp) -> bool {
        id::time_of(self.id.0).is_some_and(|made| made < floor)
    }

    /// Whether the inbox has forgotten by now what it knew when this became a dead letter.
    pub(super) fn is_beyond_memory(&self, floor: Timestamp) -> bool {
        match id::time_of(self.id.0) {
            Some(made) => made < floor,
            // The age of other ids counts from their receipt.
            None => self.dead_at.is_some_and(|at| at < floor),
        }
    }

    /// Tells one dead letter from another, also of the same message.
    pub(super) fn fingerprint(&self) -> (u128, i128, u64) {
        let at = self.dead_at.map_or(0, Timestamp::as_nanosecond);
        (self.id.0.as_u128(), at, self.redrives)
    }
}

/// The id that a service gives to a message, from the message alone.
pub(super) fn known_id(
    message_id: Option<&str>,
    event_type: Option<&str>,
    body: &[u8],
) -> MessageId {
    match message_id.filter(|id| !id.is_empty()) {
        Some(text) => text.parse().map_or_else(|_| MessageId::derived_from_text(text), MessageId),
        None => MessageId::derived_from_content(event_type.unwrap_or_default(), body),
    }
}

/// What the broker itself says about a message that it took out of a queue.
#[derive(Debug, Default)]
struct Death {
    reason: Option<String>,
    at: Option<Timestamp>,
    exchange: Option<String>,
    routing_key: Option<String>,
}

impl Death {
    fn read(properties: &BasicProperties) -> Self {
        let headers = properties.headers().as_ref();
        let deaths = headers.and_then(|headers| headers.inner().get("x-death"));
        let Some(AMQPValue::FieldArray(deaths)) = deaths else { return Self::default() };
        // The latest comes first.
        let Some(AMQPValue::FieldTable(last)) = deaths.as_slice().first() else {
            return Self::default();
        };
        let routing_key = match last.inner().get("routing-keys") {
            Some(AMQPValue::FieldArray(keys)) => keys.as_slice().first().and_then(as_text),
            _ => None,
        };
        let at = match last.inner().get("time") {
            Some(AMQPValue::Timestamp(seconds)) => {
                i64::try_from(*seconds).ok().and_then(|s| Timestamp::from_second(s).ok())
            }
            _ => None,
        };
        let field = |name: &str| last.inner().get(name).and_then(as_text);
        Self { reason: field("reason"), at, exchange: field("exchange"), routing_key }
    }
}

fn as_text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}
