//! The envelope: what surrounds an event on the wire, and on what grounds a message is refused.
//!
//! | AMQP property | value |
//! |---|---|
//! | `message_id` | UUIDv7, the key for de-duplication |
//! | `type` | the event's name, which is the routing key too |
//! | `correlation_id` | the saga id |
//! | `app_id` | the publishing service |
//! | `timestamp`, `content_type`, `delivery_mode` | seconds, `application/json`, 2 |
//! | headers | `causation_id` (the message that caused this one), `traceparent` |

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::topology::EVENTS;
use crate::{EventType, MessageId, Role, SagaId, id};

/// The longest sentence about a message, in characters.
const LONGEST_DETAIL: usize = 500;

/// The content type of every event.
pub const CONTENT_TYPE: &str = "application/json";

/// What surrounds an event: who, when, why, and in which saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The key for de-duplication.
    pub message_id: MessageId,
    /// The event's name.
    pub event_type: EventType,
    /// The saga that the event belongs to.
    pub saga_id: Option<SagaId>,
    /// The message that caused this one.
    pub causation_id: Option<String>,
    /// The publisher, if the message names one.
    pub app_id: Option<String>,
    /// The W3C trace context.
    pub traceparent: Option<String>,
}

/// A message as it came from the broker, not yet believed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Incoming<'a> {
    /// The exchange that the message was published to.
    pub exchange: &'a str,
    /// The routing key.
    pub routing_key: &'a str,
    /// AMQP `type`.
    pub event_type: Option<&'a str>,
    /// AMQP `message_id`.
    pub message_id: Option<&'a str>,
    /// AMQP `correlation_id`.
    pub correlation_id: Option<&'a str>,
    /// AMQP `app_id`.
    pub app_id: Option<&'a str>,
    /// AMQP `content_type`.
    pub content_type: Option<&'a str>,
    /// AMQP `content_encoding`.
    pub content_encoding: Option<&'a str>,
    /// Header `causation_id`.
    pub causation_id: Option<&'a str>,
    /// Header `traceparent`.
    pub traceparent: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// How far a message may lie in the past or in the future, and how big it may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The biggest body, in bytes.
    pub max_body: usize,
    /// How long message ids are remembered.
    pub inbox_window: SignedDuration,
    /// How long sagas are remembered.
    pub saga_window: SignedDuration,
    /// How far a clock elsewhere may be ahead of ours.
    pub clock_skew: SignedDuration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body: 1024 * 1024,
            inbox_window: SignedDuration::from_hours(7 * 24),
            saga_window: SignedDuration::from_hours(90 * 24),
            clock_skew: SignedDuration::from_mins(5),
        }
    }
}

/// Why a message is set aside: the machine-readable code of a dead letter (`x-dead-reason`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Neither `type` nor routing key names an event that this service knows.
    UnknownType,
    /// The content type is not JSON.
    WrongContentType,
    /// The content encoding is not one that is understood.
    WrongContentEncoding,
    /// The body is bigger than the limit.
    BodyTooBig,
    /// The body is not JSON.
    NotJson,
    /// The body is JSON, but not of the event's shape.
    WrongShape,
    /// `app_id` may not publish this type.
    ForgedAppId,
    /// `type` names another event than the routing key, which is what the broker's rights guard.
    ForgedType,
    /// An event of a running saga carries no saga id.
    NoCorrelationId,
    /// The correlation id is no UUID.
    WrongCorrelationId,
    /// The message's id lies in the future.
    ClockAhead,
    /// The message is older than the memory of message ids.
    TooOldToDeduplicate,
    /// The saga is older than the memory of sagas.
    SagaTooOld,
    /// A handler said that trying again is of no use.
    Permanent,
    /// A handler failed in each of its attempts.
    Failed,
}

impl Reason {
    /// The code, for instance `wrong_shape`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownType => "unknown_type",
            Self::WrongContentType => "wrong_content_type",
            Self::WrongContentEncoding => "wrong_content_encoding",
            Self::BodyTooBig => "body_too_big",
            Self::NotJson => "not_json",
            Self::WrongShape => "wrong_shape",
            Self::ForgedAppId => "forged_app_id",
            Self::ForgedType => "forged_type",
            Self::NoCorrelationId => "no_correlation_id",
            Self::WrongCorrelationId => "wrong_correlation_id",
            Self::ClockAhead => "clock_ahead",
            Self::TooOldToDeduplicate => "too_old_to_deduplicate",
            Self::SagaTooOld => "saga_too_old",
            Self::Permanent => "permanent",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A message that cannot be taken: a code for machines and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Unacceptable {
    /// The code.
    pub reason: Reason,
    /// What is wrong and what to do.
    pub detail: String,
}

impl Unacceptable {
    /// A refusal with its sentence, which is cut if it is long: it goes into a header, and may
    /// quote what came from outside.
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if let Some((end, _)) = detail.char_indices().nth(LONGEST_DETAIL) {
            detail.truncate(end);
            detail.push_str(" ...");
        }
        Self { reason, detail }
    }

    /// The refusal that a body's JSON error stands for.
    #[must_use]
    pub fn from_json(event_type: EventType, error: &serde_json::Error) -> Self {
        match error.classify() {
            serde_json::error::Category::Data => {
                Self::new(Reason::WrongShape, format!("the body is no {event_type}: {error}"))
            }
            serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof
            | serde_json::error::Category::Io => {
                Self::new(Reason::NotJson, format!("the body is not JSON: {error}"))
            }
        }
    }
}

impl Envelope {
    /// Reads what surrounds a message. All that is derived (type, message id, saga id) is a
    /// function of the message alone, so every consumer and every attempt derives the same.
    ///
    /// `known` finds an event type by its name. The body's shape is the caller's to check.
    ///
    /// # Errors
    ///
    /// [`Unacceptable`] with the first of the reasons that applies.
    pub fn read(
        message: &Incoming<'_>,
        known: impl Fn(&str) -> Option<EventType>,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Self, Unacceptable> {
        let event_type = event_type(message, known)?;
        check_content(message, limits)?;
        check_publisher(message, event_type)?;
        let message_id = message_id(message, event_type, limits, now)?;
        let saga_id = saga_id(message, event_type, message_id, limits, now)?;
        Ok(Self {
            message_id,
            event_type,
            saga_id,
            causation_id: message.causation_id.map(str::to_owned),
            app_id: message.app_id.map(str::to_owned),
            traceparent: message.traceparent.filter(|text| is_traceparent(text)).map(str::to_owned),
        })
    }
}

/// Whether a text is a `traceparent` (W3C Trace Context: `00-<32 hex>-<16 hex>-<2 hex>`). What is
/// none is dropped: it is copied into every event that follows.
#[must_use]
pub fn is_traceparent(text: &str) -> bool {
    text.split('-').map(str::len).eq([2, 32, 16, 2])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn event_type(
    message: &Incoming<'_>,
    known: impl Fn(&str) -> Option<EventType>,
) -> Result<EventType, Unacceptable> {
    // An empty `type` is what some consoles send for "none".
    let (named, by) = match message.event_type.filter(|name| !name.is_empty()) {
        // On this exchange the broker guards the routing key, so it is what may be believed.
        Some(name) if message.exchange == EVENTS && name != message.routing_key => {
            return Err(Unacceptable::new(
                Reason::ForgedType,
                format!(
                    "`type` is {name:?}, but the routing key is {:?}: give both the event's name",
                    message.routing_key
                ),
            ));
        }
        Some(name) => (name, "`type`"),
        None => (message.routing_key, "the routing key, as the message has no `type`,"),
    };
    known(named).ok_or_else(|| {
        Unacceptable::new(
            Reason::UnknownType,
            format!("{by} says {named:?}, which no handler of this service knows"),
        )
    })
}

fn check_content(message: &Incoming<'_>, limits: &Limits) -> Result<(), Unacceptable> {
    let media_type = message.content_type.map(|text| text.split(';').next().unwrap_or(text).trim());
    if let Some(other) = media_type.filter(|text| !text.is_empty())
        && !other.eq_ignore_ascii_case(CONTENT_TYPE)
    {
        return Err(Unacceptable::new(
            Reason::WrongContentType,
            format!("content type {other:?}: send {CONTENT_TYPE}, or none"),
        ));
    }
    let encoding = message.content_encoding.unwrap_or_default();
    if !["", "identity", "utf-8"].iter().any(|plain| encoding.eq_ignore_ascii_case(plain)) {
        return Err(Unacceptable::new(
            Reason::WrongContentEncoding,
            format!("content encoding {encoding:?}: send the body as plain UTF-8"),
        ));
    }
    if message.body.len() > limits.max_body {
        return Err(Unacceptable::new(
            Reason::BodyTooBig,
            format!("the body has {} bytes, the limit is {}", message.body.len(), limits.max_body),
        ));
    }
    Ok(())
}

fn check_publisher(message: &Incoming<'_>, event_type: EventType) -> Result<(), Unacceptable> {
    match message.app_id {
        Some(app_id) if !app_id.is_empty() && !event_type.may_be_published_by(app_id) => {
            Err(Unacceptable::new(
                Reason::ForgedAppId,
                format!("`app_id` {app_id:?} may not publish {event_type}"),
            ))
        }
        Some(_) | None => Ok(()),
    }
}

fn message_id(
    message: &Incoming<'_>,
    event_type: EventType,
    limits: &Limits,
    now: Timestamp,
) -> Result<MessageId, Unacceptable> {
    let Some(text) = message.message_id.filter(|text| !text.is_empty()) else {
        return Ok(MessageId::derived_from_content(event_type.name(), message.body));
    };
    let Ok(id) = text.parse::<Uuid>() else {
        return Ok(MessageId::derived_from_text(text));
    };
    if let Some(time) = id::time_of(id) {
        if time > now + limits.clock_skew {
            return Err(Unacceptable::new(
                Reason::ClockAhead,
                format!("message id {id} was made at {time}, it is {now} here: set the clocks"),
            ));
        }
        if time < now - limits.inbox_window {
            return Err(Unacceptable::new(
                Reason::TooOldToDeduplicate,
                format!(
                    "message id {id} was made at {time}; ids are remembered for {:#}, so nobody \
                     can tell whether it was handled: redrive it under a new id if it was not",
                    limits.inbox_window
                ),
            ));
        }
    }
    Ok(MessageId(id))
}

fn saga_id(
    message: &Incoming<'_>,
    event_type: EventType,
    message_id: MessageId,
    limits: &Limits,
    now: Timestamp,
) -> Result<Option<SagaId>, Unacceptable> {
    let saga_id = match message.correlation_id.filter(|text| !text.is_empty()) {
        Some(text) => match (text.parse::<Uuid>(), event_type.role()) {
            (Ok(id), _) => SagaId(id),
            // Nothing depends on the correlation id of an event that belongs to no saga.
            (Err(_), Role::Plain) => return Ok(None),
            (Err(_), Role::StartsSaga | Role::InSaga) => {
                return Err(Unacceptable::new(
                    Reason::WrongCorrelationId,
                    format!("correlation id {text:?} is no UUID, and it is to be the saga's id"),
                ));
            }
        },
        None => match event_type.role() {
            Role::Plain => return Ok(None),
            // The first message of a saga lends it its id.
            Role::StartsSaga => SagaId(message_id.0),
            Role::InSaga => {
                return Err(Unacceptable::new(
                    Reason::NoCorrelationId,
                    format!("{event_type} belongs to a running saga: set its id as correlation id"),
                ));
            }
        },
    };
    if let Some(time) = id::time_of(saga_id.0)
        && event_type.role() != Role::Plain
    {
        if time < now - limits.saga_window {
            return Err(Unacceptable::new(
                Reason::SagaTooOld,
                format!("saga {saga_id} began at {time}, before all that is remembered here"),
            ));
        }
        if time > now + limits.clock_skew {
            return Err(Unacceptable::new(
                Reason::ClockAhead,
                format!("saga id {saga_id} was made at {time}, it is {now} here: set the clocks"),
            ));
        }
    }
    Ok(Some(saga_id))
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
