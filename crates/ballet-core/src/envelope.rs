//! The envelope: what surrounds an event on the wire.
//!
//! | AMQP property | value |
//! |---|---|
//! | `message_id` | UUIDv7, the key for de-duplication |
//! | `type` | the event's name, which is the routing key too |
//! | `correlation_id` | the saga id |
//! | `app_id` | the publishing service |
//! | `timestamp`, `content_type`, `delivery_mode` | seconds, `application/json`, 2 |
//! | headers | `causation_id` (the message that caused this one), `traceparent` |
//!
//! Whoever publishes from elsewhere may leave out most of it, pack the body with gzip, or send a
//! CloudEvent ([`crate::cloud_event`]).

use std::borrow::Cow;

use jiff::Timestamp;
use uuid::Uuid;

pub use crate::body::unpack;
use crate::body::{self, Form};
use crate::cloud_event::{self, Attributes};
use crate::event::is_well_formed;
pub use crate::incoming::{HeaderSize, Incoming, Limits};
use crate::topology::EVENTS;
pub use crate::unacceptable::{Reason, Unacceptable};
use crate::{EventType, KnownEvents, MessageId, Role, SagaId, id};

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

/// A message that could be read: what surrounds the event, and the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received<'a> {
    /// What surrounds the event.
    pub envelope: Envelope,
    /// The event as JSON: the message's body, unpacked and without a CloudEvent around it.
    pub body: Cow<'a, [u8]>,
}

impl Envelope {
    /// Reads a message. All that is derived (type, message id, saga id) is a function of the
    /// message alone, so every consumer and every attempt derives the same.
    ///
    /// The body is UTF-8 of bounded size and depth; its shape is the caller's to check.
    ///
    /// # Errors
    ///
    /// [`Unacceptable`] with the first of the reasons that applies.
    pub fn read<'a>(
        message: &Incoming<'a>,
        known: &KnownEvents,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Received<'a>, Unacceptable> {
        check_headers(message.headers, limits.max_headers)?;
        let form = body::form(message.content_type)?;
        let body = unpack(message.body, message.content_encoding, limits)?;
        let (attributes, body) = match form {
            Form::Json => {
                message.attributes.check()?;
                (message.attributes.clone(), body)
            }
            Form::CloudEvent => cloud_event::open(&body, limits)?,
        };
        let event_type = event_type(message, &attributes, known)?;
        check_publisher(message, event_type)?;
        let message_id = message_id(message, &attributes, event_type, &body, limits, now)?;
        let saga_id = saga_id(message, &attributes, event_type, message_id, limits, now)?;
        let Attributes { causation_id, traceparent, .. } = attributes;
        let causation_id = message.causation_id.map(Cow::Borrowed).or(causation_id);
        let traceparent = message.traceparent.map(Cow::Borrowed).or(traceparent);
        let envelope = Self {
            message_id,
            event_type,
            saga_id,
            causation_id: causation_id.map(Cow::into_owned),
            app_id: message.app_id.map(str::to_owned),
            traceparent: traceparent.filter(|text| is_traceparent(text)).map(Cow::into_owned),
        };
        Ok(Received { envelope, body })
    }

    /// The type of a message that cannot be read otherwise, so that a copy of it can carry it.
    #[must_use]
    pub fn type_of(message: &Incoming<'_>, known: &KnownEvents) -> Option<EventType> {
        event_type(message, &message.attributes, known).ok()
    }
}

/// Whether a text is a `traceparent` (W3C Trace Context: `00-<32 hex>-<16 hex>-<2 hex>`). What is
/// none is dropped: it is copied into every event that follows.
#[must_use]
pub fn is_traceparent(text: &str) -> bool {
    text.split('-').map(str::len).eq([2, 32, 16, 2])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn check_headers(headers: HeaderSize, most: HeaderSize) -> Result<(), Unacceptable> {
    let HeaderSize { count, bytes, depth } = headers;
    let detail = if count > most.count {
        format!("the message has {count} headers, at most {} are taken", most.count)
    } else if bytes > most.bytes {
        format!("the headers have {bytes} bytes, the limit is {}", most.bytes)
    } else if depth > most.depth {
        format!("a header is nested deeper than {} levels", most.depth)
    } else {
        return Ok(());
    };
    Err(Unacceptable::new(Reason::HeadersTooBig, detail))
}

fn event_type(
    message: &Incoming<'_>,
    attributes: &Attributes<'_>,
    known: &KnownEvents,
) -> Result<EventType, Unacceptable> {
    // An empty `type` is what some consoles send for "none".
    let property = message.event_type.filter(|name| !name.is_empty());
    let attribute = attributes.event_type.as_deref();
    let forged = |what: &str, name: &str, is: &str, other: &str| {
        let detail =
            format!("{what} is {name:?}, but {is} is {other:?}: give both the event's name");
        Err(Unacceptable::new(Reason::ForgedType, detail))
    };
    // On this exchange the broker guards the routing key, so it is what may be believed.
    let guarded = (message.exchange == EVENTS).then_some(message.routing_key);
    let named = [("`type`", property), ("the CloudEvent's type", attribute)];
    for (what, name) in named {
        if let (Some(name), Some(key)) = (name, guarded)
            && name != key
        {
            return forged(what, name, "the routing key", key);
        }
    }
    if let (Some(name), Some(other)) = (property, attribute)
        && name != other
    {
        return forged("`type`", name, "the CloudEvent's type", other);
    }
    let given = named.into_iter().find_map(|(what, name)| Some((what, name?)));
    let (what, name) = match given {
        Some(given) => given,
        None if is_well_formed(message.routing_key) => {
            ("the routing key, as the message has no `type`,", message.routing_key)
        }
        None => {
            let detail = format!(
                "the message has no `type`, and its routing key {:?} is no event's name: set \
                 `type` to the event's name",
                message.routing_key
            );
            return Err(Unacceptable::new(Reason::NoType, detail));
        }
    };
    known.get(name).ok_or_else(|| unknown(what, name, known))
}

fn unknown(what: &str, name: &str, known: &KnownEvents) -> Unacceptable {
    let versions = known.other_versions(name);
    if versions.is_empty() {
        let detail = format!("{what} says {name:?}, which no handler of this service knows");
        return Unacceptable::new(Reason::UnknownType, detail);
    }
    let versions: Vec<&str> = versions.iter().map(EventType::name).collect();
    let detail = format!(
        "{what} says {name:?}, and this service knows {}: send that one as well until all \
         services know the other",
        versions.join(", ")
    );
    Unacceptable::new(Reason::UnknownVersion, detail)
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
    attributes: &Attributes<'_>,
    event_type: EventType,
    body: &[u8],
    limits: &Limits,
    now: Timestamp,
) -> Result<MessageId, Unacceptable> {
    let property = message.message_id.filter(|text| !text.is_empty());
    let Some(text) = property.or(attributes.id.as_deref()) else {
        return Ok(MessageId::derived_from_content(event_type.name(), body));
    };
    let Ok(id) = text.parse::<Uuid>() else {
        // The ids of CloudEvents are unique for their source only.
        return Ok(match (property, attributes.source.as_deref()) {
            (None, Some(source)) => MessageId::derived_from_source(source, text),
            (Some(_), _) | (None, None) => MessageId::derived_from_text(text),
        });
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
    attributes: &Attributes<'_>,
    event_type: EventType,
    message_id: MessageId,
    limits: &Limits,
    now: Timestamp,
) -> Result<Option<SagaId>, Unacceptable> {
    let property = message.correlation_id.filter(|text| !text.is_empty());
    let saga_id = match property.or(attributes.correlation_id.as_deref()) {
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
