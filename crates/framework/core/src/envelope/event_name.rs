//! Which event a message is: `type`, the CloudEvent's type and the routing key have to agree.

use crate::envelope::blank::non_blank;
use crate::envelope::cloud_event::Attributes;
use crate::envelope::incoming::Incoming;
use crate::envelope::known_events::KnownEvents;
use crate::envelope::unacceptable::{Reason, Unacceptable};
use crate::events::event::{EventType, is_well_formed};
use crate::topology::names::{EVENTS, ROUTE};

/// The event's name, known or not.
pub(crate) fn name_of<'a>(message: &Incoming<'a>, attributes: &'a Attributes<'_>) -> &'a str {
    let property = non_blank(message.event_type);
    property.or(attributes.event_type.as_deref()).unwrap_or(message.routing_key)
}

pub(crate) fn event_type(
    message: &Incoming<'_>,
    attributes: &Attributes<'_>,
    known: &KnownEvents,
) -> Result<EventType, Unacceptable> {
    let property = non_blank(message.event_type);
    let attribute = attributes.event_type.as_deref();
    let forged = |what: &str, name: &str, is: &str, other: &str| {
        let detail =
            format!("{what} is {name:?}, but {is} is {other:?}: set both to the event's name");
        Err(Unacceptable::new(Reason::ForgedType, detail))
    };
    check_return(message)?;
    // On this exchange the broker checks the routing key against the publisher's rights.
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
            ("the message has no `type`, and its routing key", message.routing_key)
        }
        None => {
            let detail = format!(
                "the message has no `type`, and its routing key {:?} is not an event's name: set \
                 `type` to the event's name",
                message.routing_key
            );
            return Err(Unacceptable::new(Reason::NoType, detail));
        }
    };
    known.get(name).ok_or_else(|| unknown(what, name, known))
}

/// Checks that a message from a retry queue was put there by its own service, under that service's
/// name. Before RabbitMQ 4 an invisible header `BCC` leads it to the queues of others as well.
fn check_return(message: &Incoming<'_>) -> Result<(), Unacceptable> {
    match message.reader {
        Some(reader) if message.exchange == ROUTE && message.routing_key != reader => {
            let detail = format!(
                "the message comes from a retry queue, where it was put with the routing key {:?}: \
                 only what {reader} itself puts there comes back to {reader}",
                message.routing_key
            );
            Err(Unacceptable::new(Reason::ForgedType, detail))
        }
        Some(_) | None => Ok(()),
    }
}

fn unknown(what: &str, name: &str, known: &KnownEvents) -> Unacceptable {
    let versions = known.other_versions(name);
    if versions.is_empty() {
        let detail = format!("{what} is {name:?}, which no handler of this service knows");
        return Unacceptable::new(Reason::UnknownType, detail);
    }
    let versions: Vec<&str> = versions.iter().map(EventType::name).collect();
    let detail = format!(
        "{what} is {name:?}, but this service knows {}: publish that one too until every service \
         knows the other",
        versions.join(", ")
    );
    Unacceptable::new(Reason::UnknownVersion, detail)
}
