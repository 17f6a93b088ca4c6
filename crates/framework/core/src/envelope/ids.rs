//! The ids of a message: its own and its saga's, given or derived, within the time windows.

use jiff::Timestamp;
use uuid::Uuid;

use crate::envelope::blank::non_blank;
use crate::envelope::cloud_event::Attributes;
use crate::envelope::incoming::Incoming;
use crate::envelope::limits::Limits;
use crate::envelope::unacceptable::{Reason, Unacceptable};
use crate::events::event::{EventType, Role};
use crate::id::{self, MessageId, SagaId};

/// The id of a message, whether or not it is acceptable. It depends on no clock.
pub(crate) fn message_id(
    message: &Incoming<'_>,
    attributes: &Attributes<'_>,
    event_name: &str,
    body: &[u8],
) -> MessageId {
    let property = non_blank(message.message_id);
    let Some(text) = property.or(attributes.id.as_deref()) else {
        let saga = non_blank(message.correlation_id).or(attributes.correlation_id.as_deref());
        return MessageId::derived_from_content(event_name, saga, body);
    };
    if let Ok(id) = text.parse::<Uuid>() {
        return MessageId(id);
    }
    // A CloudEvent's id is unique only within its source.
    match (property, attributes.source.as_deref()) {
        (None, Some(source)) => MessageId::derived_from_source(source, text),
        (Some(_), _) | (None, None) => MessageId::derived_from_text(text),
    }
}

/// Refuses an id that is not of our time.
pub(crate) fn check_time(
    MessageId(id): MessageId,
    limits: &Limits,
    now: Timestamp,
) -> Result<(), Unacceptable> {
    match id::time_of(id) {
        Some(time) if now.duration_until(time) > limits.clock_skew => Err(Unacceptable::new(
            Reason::ClockAhead,
            format!("message id {id} was made at {time}, but it is {now} here: set the clocks"),
        )),
        Some(_) | None => Ok(()),
    }
}

pub(crate) fn saga_id(
    message: &Incoming<'_>,
    attributes: &Attributes<'_>,
    event_type: EventType,
    message_id: MessageId,
    limits: &Limits,
    now: Timestamp,
) -> Result<Option<SagaId>, Unacceptable> {
    let property = non_blank(message.correlation_id);
    let saga_id = match property.or(attributes.correlation_id.as_deref()) {
        Some(text) => match (text.parse::<Uuid>(), event_type.role()) {
            (Ok(id), _) => SagaId(id),
            // Nothing depends on the correlation id of an event outside of sagas.
            (Err(_), Role::Plain) => return Ok(None),
            (Err(_), Role::StartsSaga | Role::InSaga) => {
                return Err(Unacceptable::new(
                    Reason::WrongCorrelationId,
                    format!("correlation id {text:?} is not a UUID: set it to the saga's id"),
                ));
            }
        },
        None => match event_type.role() {
            Role::Plain => return Ok(None),
            // A saga takes the id of its first message.
            Role::StartsSaga => SagaId(message_id.0),
            Role::InSaga => {
                return Err(Unacceptable::new(
                    Reason::NoCorrelationId,
                    format!(
                        "{event_type} belongs to a running saga: set the correlation id to the \
                         saga's id"
                    ),
                ));
            }
        },
    };
    if let Some(time) = id::time_of(saga_id.0)
        && event_type.role() != Role::Plain
        && now.duration_until(time) > limits.clock_skew
    {
        return Err(Unacceptable::new(
            Reason::ClockAhead,
            format!("saga id {saga_id} was made at {time}, but it is {now} here: set the clocks"),
        ));
    }
    Ok(Some(saga_id))
}
