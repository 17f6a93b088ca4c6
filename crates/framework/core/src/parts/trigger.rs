//! The trigger of a step: one event, or a join of several, which is complete with the last of them.

use std::any::Any;

use crate::events::event::{Event, EventSchema, EventType};
use crate::json;

/// A decoded event, on its way to the step that it triggers.
pub type AnyEvent = Box<dyn Any + Send + Sync>;

/// An event, or a join: a tuple of two to four events. A join triggers its step once, after the
/// last of them.
///
/// ```
/// # use ballet_core::{Trigger, event};
/// # #[event("inventory.stock_committed.v1", in_saga)] struct StockCommitted {}
/// # #[event("shipping.shipment_delivered.v1", in_saga)] struct ShipmentDelivered {}
/// type Both = (StockCommitted, ShipmentDelivered);
/// assert_eq!(Both::types().len(), 2);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event, and no tuple of events",
    label = "one event triggers a step, or two to four that it joins",
    note = "an event is a type with `#[event(\"orders.order_placed.v1\")]`, or with `impl Event`"
)]
pub trait Trigger: Sized + Send + Sync + 'static {
    /// The event in which a step finds its key, which is the one that triggers it. A join has none,
    /// since its first event could belong to a repetition that nobody knows yet.
    type Single: 'static;

    /// The events, in the order of the tuple.
    fn types() -> Vec<EventType>;

    /// The events with the schemas of their bodies, in the same order.
    fn schemas() -> Vec<EventSchema>;

    /// Decodes the event at an index of [`types`](Self::types).
    ///
    /// # Errors
    ///
    /// The serde error for a body that does not have the event's shape.
    fn decode(index: usize, body: &[u8]) -> Result<AnyEvent, serde_json::Error>;

    /// Combines the decoded events, in the order of [`types`](Self::types). `None` if they have
    /// other types.
    fn assemble(events: Vec<AnyEvent>) -> Option<Self>;
}

/// Stands for the event in which a step finds its key if the step joins several, since a join has
/// no key. The compiler shows the name to whoever writes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AJoinHasNoKeySoDeleteThisMethod {}

fn decode_one<E: Event>(body: &[u8]) -> Result<AnyEvent, serde_json::Error> {
    json::from_slice::<E>(body).map(|event| Box::new(event) as AnyEvent)
}

fn take<E: Event>(event: Option<AnyEvent>) -> Option<E> {
    event?.downcast::<E>().ok().map(|event| *event)
}

#[diagnostic::do_not_recommend]
impl<E: Event> Trigger for E {
    type Single = E;

    fn types() -> Vec<EventType> {
        vec![E::TYPE]
    }

    fn schemas() -> Vec<EventSchema> {
        vec![EventSchema::of::<E>()]
    }

    fn decode(_: usize, body: &[u8]) -> Result<AnyEvent, serde_json::Error> {
        decode_one::<E>(body)
    }

    fn assemble(events: Vec<AnyEvent>) -> Option<Self> {
        take(events.into_iter().next())
    }
}

macro_rules! join {
    ($($event:ident),+) => {
        impl<$($event: Event),+> Trigger for ($($event,)+) {
            type Single = AJoinHasNoKeySoDeleteThisMethod;

            fn types() -> Vec<EventType> {
                vec![$($event::TYPE),+]
            }

            fn schemas() -> Vec<EventSchema> {
                vec![$(EventSchema::of::<$event>()),+]
            }

            fn decode(index: usize, body: &[u8]) -> Result<AnyEvent, serde_json::Error> {
                let decoders = [$(decode_one::<$event>),+];
                match decoders.get(index) {
                    Some(decode) => decode(body),
                    None => Err(serde::de::Error::custom("the join has fewer events")),
                }
            }

            fn assemble(events: Vec<AnyEvent>) -> Option<Self> {
                let mut events = events.into_iter();
                Some(($(take::<$event>(events.next())?,)+))
            }
        }
    };
}

join!(A, B);
join!(A, B, C);
join!(A, B, C, D);
