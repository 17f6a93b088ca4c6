//! The envelope: the properties and headers around an event on the wire, and how a message is read.
//!
//! | AMQP property | value |
//! |---|---|
//! | `message_id` | a UUIDv7, the key for de-duplication |
//! | `type` | the event's name, which is also the routing key |
//! | `correlation_id` | the saga's id |
//! | `app_id` | the publishing service |
//! | `timestamp`, `content_type`, `delivery_mode` | seconds, `application/json`, 2 |
//! | headers | `causation_id` (the message that caused this one), `traceparent`, `tracestate`, `baggage` |
//!
//! A foreign producer may leave out most of them, or send a CloudEvent ([`cloud_event`]). Several
//! events may travel in one message ([`pack`]).

mod blank;
mod body;
pub mod cloud_event;
mod event_name;
mod ids;
mod incoming;
mod known_events;
pub(crate) mod limits;
pub mod pack;
mod producer;
mod trace;
mod unacceptable;
pub mod unreadable;

use std::borrow::Cow;

use jiff::Timestamp;

use crate::envelope::blank::non_blank;
use crate::envelope::body::{BodyForm, check_body};
use crate::envelope::cloud_event::Attributes;
use crate::events::event::EventType;
use crate::id::{MessageId, SagaId};

pub use blank::is_blank;
pub use body::CONTENT_TYPE;
pub use incoming::Incoming;
pub use known_events::KnownEvents;
pub use limits::{HeaderSize, Limits};
pub use producer::foreign_producer;
pub use trace::{is_baggage, is_traceparent, is_tracestate};
pub use unacceptable::{Reason, Unacceptable};

/// The metadata of an event: its ids, its type, its publisher and its cause.
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
    /// The W3C `tracestate`, which other systems store beside the trace context.
    pub tracestate: Option<String>,
    /// The W3C baggage of the trace.
    pub baggage: Option<String>,
}

/// A message that was read: the envelope and the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedEvent<'a> {
    /// The metadata of the event.
    pub envelope: Envelope,
    /// The event as JSON: the message's body, taken out of its CloudEvent.
    pub body: Cow<'a, [u8]>,
}

impl Envelope {
    /// Reads a message. The type, message id and saga id depend on the message alone, so every
    /// reader finds the same ones.
    ///
    /// The body is UTF-8 of bounded size and depth. The caller checks its shape, and the age of the
    /// message and of the saga, since only the service's tables tell what is still known of an old
    /// one.
    ///
    /// # Errors
    ///
    /// [`Unacceptable`] with the first reason that applies.
    pub fn read<'a>(
        message: &Incoming<'a>,
        known: &KnownEvents,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<ReceivedEvent<'a>, Unacceptable> {
        check_form(message, limits)?;
        let (attributes, body) = open(message, limits)?;
        let event_type = event_name::event_type(message, &attributes, known)?;
        check_publisher(message, event_type)?;
        let message_id = ids::message_id(message, &attributes, event_type.name(), &body);
        ids::check_time(message_id, limits, now)?;
        let saga_id = ids::saga_id(message, &attributes, event_type, message_id, limits, now)?;
        let Attributes { causation_id, traceparent, tracestate, .. } = attributes;
        let causation_id = non_blank(message.causation_id).map(Cow::Borrowed).or(causation_id);
        let traceparent = message.traceparent.map(Cow::Borrowed).or(traceparent);
        let tracestate = message.tracestate.map(Cow::Borrowed).or(tracestate);
        let envelope = Self {
            message_id,
            event_type,
            saga_id,
            causation_id: causation_id.map(Cow::into_owned),
            app_id: non_blank(message.app_id).map(str::to_owned),
            traceparent: traceparent.filter(|text| is_traceparent(text)).map(Cow::into_owned),
            tracestate: tracestate.filter(|text| is_tracestate(text)).map(Cow::into_owned),
            baggage: message.baggage.filter(|text| is_baggage(text)).map(str::to_owned),
        };
        Ok(ReceivedEvent { envelope, body })
    }

    /// The id under which every consumer knows a message, accepted or not. It is the id that
    /// [`read`](Self::read) returns, and depends on no clock.
    #[must_use]
    pub fn message_id_of(message: &Incoming<'_>, limits: &Limits) -> MessageId {
        if non_blank(message.message_id).is_some() {
            return ids::message_id(message, &message.attributes, "", &[]);
        }
        let (attributes, body) = open(message, limits)
            .unwrap_or_else(|_| (message.attributes.clone(), Cow::Borrowed(message.body)));
        let name = event_name::name_of(message, &attributes);
        ids::message_id(message, &attributes, name, &body)
    }

    /// The saga that a message names, whether or not it is acceptable: by its property, or else as a CloudEvent.
    #[must_use]
    pub fn correlation_id_of<'a>(message: &Incoming<'a>, limits: &Limits) -> Option<Cow<'a, str>> {
        if let Some(named) = non_blank(message.correlation_id) {
            return Some(Cow::Borrowed(named));
        }
        match body::form(message.content_type) {
            Ok(BodyForm::CloudEvent) => open(message, limits).ok()?.0.correlation_id,
            Ok(BodyForm::Json) | Err(_) => message.attributes.correlation_id.clone(),
        }
    }

    /// The type of a message that [`read`](Self::read) refused, if the message names a known one.
    #[must_use]
    pub fn type_of(message: &Incoming<'_>, known: &KnownEvents) -> Option<EventType> {
        event_name::event_type(message, &message.attributes, known).ok()
    }
}

/// Checks properties and headers, whatever the body is.
fn check_form(message: &Incoming<'_>, limits: &Limits) -> Result<(), Unacceptable> {
    if let Some(header) = message.unreadable {
        let detail = unreadable::sentence(header);
        return Err(Unacceptable::new(Reason::UnreadableProperties, detail));
    }
    check_headers(message.headers, limits.max_headers)?;
    check_routing(message)
}

fn open<'a>(
    message: &Incoming<'a>,
    limits: &Limits,
) -> Result<(Attributes<'a>, Cow<'a, [u8]>), Unacceptable> {
    let form = body::form(message.content_type)?;
    let body = message.body;
    check_body(body, message.content_encoding, limits)?;
    match form {
        BodyForm::Json => {
            message.attributes.check()?;
            Ok((message.attributes.clone(), Cow::Borrowed(body)))
        }
        BodyForm::CloudEvent => cloud_event::open(body, limits),
    }
}

fn check_headers(headers: HeaderSize, most: HeaderSize) -> Result<(), Unacceptable> {
    let HeaderSize { count, bytes, depth } = headers;
    let detail = if count > most.count {
        format!("the message has {count} headers, the limit is {}", most.count)
    } else if bytes > most.bytes {
        format!("the headers have {bytes} bytes, the limit is {}", most.bytes)
    } else if depth > most.depth {
        format!("a header is nested deeper than {} levels", most.depth)
    } else {
        return Ok(());
    };
    Err(Unacceptable::new(Reason::HeadersTooBig, detail))
}

/// Refuses what reaches queues that its publisher has no right to, or what the journal did not get.
fn check_routing(message: &Incoming<'_>) -> Result<(), Unacceptable> {
    if message.carbon_copy {
        let detail = "the message has the header `CC`, which sends it past the publisher's rights: \
                      publish it without `CC`, once for each event";
        return Err(Unacceptable::new(Reason::CarbonCopy, detail));
    }
    if let Some((name, why)) = message.unkept_header {
        let detail = format!("the journal cannot keep the header {name:?}: {why}");
        return Err(Unacceptable::new(Reason::UnkeptHeader, detail));
    }
    Ok(())
}

fn check_publisher(message: &Incoming<'_>, event_type: EventType) -> Result<(), Unacceptable> {
    match non_blank(message.app_id) {
        Some(app_id) if !event_type.may_be_published_by(app_id) => Err(Unacceptable::new(
            Reason::ForgedAppId,
            format!("`app_id` {app_id:?} may not publish {event_type}: {}", publishers(event_type)),
        )),
        Some(_) | None => Ok(()),
    }
}

/// Names the services that may publish an event, for a producer with a wrong name.
fn publishers(event_type: EventType) -> String {
    let service = [event_type.service()];
    let all: Vec<&str> = service.iter().chain(event_type.foreign_producers()).copied().collect();
    match &all[..] {
        [one] => format!("only {one} may"),
        several => format!("{} may", several.join(", ")),
    }
}

#[cfg(test)]
mod tests;
