//! Which foreign producer a message is from, so that it can get it back.

use crate::envelope::blank::non_blank;
use crate::envelope::known_events::KnownEvents;
use crate::topology::names::EVENTS;

/// The foreign producer of a message that was published to this exchange with this key.
///
/// The broker lets only an event's own service and its declared producers publish under its name.
/// Services say who they are in `app_id`, so a message without one of these names is from the only
/// foreign producer. If there are several it stays unknown.
#[must_use]
pub fn foreign_producer(
    exchange: &str,
    routing_key: &str,
    app_id: Option<&str>,
    known: &KnownEvents,
) -> Option<&'static str> {
    // The publishers of another exchange are not known.
    let event = known.get(routing_key).filter(|_| exchange == EVENTS)?;
    let producers = event.foreign_producers();
    let named = non_blank(app_id);
    if named == Some(event.service()) {
        return None;
    }
    let by_name = producers.iter().find(|producer| named == Some(**producer));
    by_name
        .or(match producers {
            [only] => Some(only),
            _ => None,
        })
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::event::EventType;

    #[test]
    fn a_message_is_from_whom_it_names_or_from_the_only_one_that_it_can_be_from() {
        let one = EventType::plain("cart.checked_out.v1").also_from(&["storefront"]);
        let two = EventType::plain("cart.cleared.v1").also_from(&["storefront", "phone"]);
        let none = EventType::plain("cart.reopened.v1");
        let known: KnownEvents = [one, two, none].into_iter().collect();
        let from = |key: &str, app_id| foreign_producer("events", key, app_id, &known);
        for (app_id, of_one, of_two) in [
            (Some("storefront"), Some("storefront"), Some("storefront")),
            (Some("phone"), Some("storefront"), Some("phone")),
            (Some("orders"), Some("storefront"), None),
            (Some(" "), Some("storefront"), None),
            (None, Some("storefront"), None),
            (Some("cart"), None, None),
        ] {
            assert_eq!(from(one.name(), app_id), of_one, "{app_id:?}");
            assert_eq!(from(two.name(), app_id), of_two, "{app_id:?}");
            assert_eq!(from(none.name(), app_id), None, "{app_id:?}");
            assert_eq!(from("cart.unheard.v1", app_id), None, "{app_id:?}");
            assert_eq!(foreign_producer("", one.name(), app_id, &known), None, "{app_id:?}");
        }
    }
}
