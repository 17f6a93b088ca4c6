//! Entities that one service owns and others keep copies of, and the framework's events for them.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::events::event::{Event, EventType};

/// The state of a thing that one service owns and others keep copies of: a product, a rider.
///
/// The type is the state as the events carry it. The service of [`REPUBLISHED`](Self::REPUBLISHED)
/// owns the entity. See `docs/copies.md` for what the owner owes and the readers get.
///
/// ```
/// use ballet_core::{Entity, Versioned, entity, event};
///
/// // One request for each service that keeps a copy.
/// #[entity(
///     "product",
///     republished = "catalog.products_republished.v1",
///     requests("cart.products_requested.v1")
/// )]
/// struct Product {
///     name: String,
///     price_minor: i64,
/// }
///
/// /// The price of a product was changed.
/// #[event("catalog.product_price_changed.v1", carries = product)]
/// struct ProductPriceChanged {
///     product: Versioned<Product>,
/// }
/// assert_eq!(Product::owner(), "catalog");
/// ```
pub trait Entity: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The entity's name, singular, unique in the system: `product`.
    const NAME: &'static str;
    /// The event by which the owner publishes all entities again, many in one message. Only
    /// services that keep a copy consume it.
    const REPUBLISHED: EventType;
    /// The events by which readers ask for that, one for each service that keeps a copy, under its
    /// own name: `cart.products_requested.v1`.
    const REQUESTS: &'static [EventType];

    /// Returns the service that owns the entity.
    #[must_use]
    fn owner() -> &'static str {
        Self::REPUBLISHED.service()
    }

    /// Returns the event by which this service asks for all entities, if it has one.
    #[must_use]
    fn request_of(service: &str) -> Option<EventType> {
        Self::REQUESTS.iter().copied().find(|request| request.service() == service)
    }
}

/// An event that carries an entity's whole state after a change, or says that it was removed.
pub trait EntityEvent: Event {
    /// The entity.
    type Entity: Entity;

    /// Returns what the event says of the entity.
    fn into_version(self) -> Versioned<Self::Entity>;
}

/// One version of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Versioned<E> {
    /// The entity's id.
    pub id: String,
    /// The number of the change. It grows by one with each change, a removal included, and never
    /// becomes smaller.
    pub version: i64,
    /// The whole state. Missing if the entity was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<E>,
}

impl<E> Versioned<E> {
    /// Returns a version with a state.
    #[must_use]
    pub fn of(id: impl Into<String>, version: i64, state: E) -> Self {
        Self { id: id.into(), version, state: Some(state) }
    }

    /// Returns the version in which the entity was removed.
    #[must_use]
    pub fn removed(id: impl Into<String>, version: i64) -> Self {
        Self { id: id.into(), version, state: None }
    }
}

/// A page of entities that their owner publishes anew, because a reader asked for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Republished<E> {
    /// The run: a UUIDv7, later for a later run.
    pub run: uuid::Uuid,
    /// The number of pages in the run. Only its last page knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<i64>,
    /// The entities, removed ones included.
    pub entities: Vec<Versioned<E>>,
}

impl<E: Entity> Event for Republished<E> {
    const TYPE: EventType = E::REPUBLISHED;
}

/// A reader asks the owner of an entity to publish all entities anew. The type of the event says
/// which entity, and who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CopyRequested {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Lamp {
        lit: bool,
    }

    impl Entity for Lamp {
        const NAME: &'static str = "lamp";
        const REPUBLISHED: EventType = EventType::plain("house.lamps_republished.v1");
        const REQUESTS: &'static [EventType] = &[EventType::plain("porter.lamps_requested.v1")];
    }

    #[test]
    fn a_removed_entity_has_a_version_and_no_state() {
        let removed = r#"{"id":"hall","version":4}"#;
        let read: Versioned<Lamp> = crate::json::from_slice(removed.as_bytes()).expect("a version");
        assert_eq!(read, Versioned::removed("hall", 4));
        assert_eq!(serde_json::to_string(&read).expect("JSON"), removed);
    }

    #[test]
    fn a_reader_asks_under_its_own_name() {
        assert_eq!(
            Lamp::request_of("porter").map(|request| request.event()),
            Some("lamps_requested")
        );
        assert_eq!(Lamp::request_of("gardener"), None);
        assert_eq!(Republished::<Lamp>::TYPE.service(), Lamp::owner());
    }
}
