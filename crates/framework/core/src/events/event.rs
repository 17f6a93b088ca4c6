//! Events: past-tense facts that a service publishes about its own data.

use std::fmt;

use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::events::key::Key;
use crate::events::lasting::lasting;

/// A fact that a service publishes: its name, version and JSON shape in one place.
///
/// The JSON shape is the type's serde mapping: snake_case names, money in minor units, times in
/// RFC 3339. Readers ignore unknown fields, so a new optional field is compatible. Any other change
/// needs a new type with the next major version.
///
/// ```
/// use ballet_core::{Event, event};
///
/// /// Goods came in.
/// #[event("inventory.stock_received.v1")]
/// struct StockReceived {
///     sku: String,
///     quantity: u32,
/// }
/// assert_eq!(StockReceived::TYPE.service(), "inventory");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    note = "an event is a type with `#[event(\"orders.order_placed.v1\")]`, or with `impl Event`",
    note = "several events at once, a join, trigger a `Step` or a `CallStep` and nothing else"
)]
pub trait Event: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The name on the wire, and the event's part in a saga.
    const TYPE: EventType;
    /// The fields by which people know what the event is about.
    const KEYS: &'static [Key] = &[];
}

/// An event's part in a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It belongs to no saga. A correlation id is optional.
    Plain,
    /// It may start a saga. Without a correlation id, the saga takes the message's id.
    StartsSaga,
    /// It belongs to a running saga and must carry the saga's id as its correlation id.
    InSaga,
}

/// An event's name, `<service>.<event>.v<major>`, and its part in a saga. The name is the AMQP
/// `type`, the routing key and the CloudEvents `type`.
#[derive(Clone, Copy)]
pub struct EventType {
    name: &'static str,
    role: Role,
    also_from: &'static [&'static str],
    packs: bool,
}

impl EventType {
    /// An event outside of sagas. A constant does not compile unless the name is well formed.
    #[must_use]
    pub const fn plain(name: &'static str) -> Self {
        Self::new(name, Role::Plain)
    }

    /// An event that belongs to a saga.
    #[must_use]
    pub const fn in_saga(name: &'static str) -> Self {
        Self::new(name, Role::InSaga)
    }

    /// An event that may begin a saga.
    #[must_use]
    pub const fn starts_saga(name: &'static str) -> Self {
        Self::new(name, Role::StartsSaga)
    }

    /// Allows foreign producers to publish this event, besides the service that it is named after.
    /// Each producer gets its own broker user, with the right to publish its types and nothing
    /// else.
    #[must_use]
    pub const fn also_from(self, producers: &'static [&'static str]) -> Self {
        Self { also_from: producers, ..self }
    }

    /// Lets the service that the event is named after publish those of one commit as one message, a
    /// [pack](crate::envelope::pack). All its consumers have to take packs.
    #[must_use]
    pub const fn packs(self) -> Self {
        Self { packs: true, ..self }
    }

    const fn new(name: &'static str, role: Role) -> Self {
        assert!(
            is_well_formed(name),
            "an event's name is `<service>.<past_tense_event>.v<major>`, lower case with \
             underscores, for instance `orders.order_placed.v1`"
        );
        Self { name, role, also_from: &[], packs: false }
    }

    /// A type from a file. Its text lives as long as the process. `None` if the name is not well
    /// formed.
    pub(crate) fn read(name: &str, role: Role, also_from: &[String]) -> Option<Self> {
        if !is_well_formed(name) {
            return None;
        }
        let also_from: Vec<&'static str> = also_from.iter().map(|from| lasting(from)).collect();
        Some(Self { name: lasting(name), role, also_from: Vec::leak(also_from), packs: false })
    }

    /// The whole name, for instance `orders.order_placed.v1`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The event's part in a saga.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The service that the event belongs to: the first part of the name.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.name.split('.').next().unwrap_or_default()
    }

    /// The event's name without service and version, for instance `order_placed`.
    #[must_use]
    pub fn event(&self) -> &'static str {
        self.name.split('.').nth(1).unwrap_or_default()
    }

    /// The major version.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.name.rsplit_once(".v").and_then(|(_, v)| v.parse().ok()).unwrap_or_default()
    }

    /// The foreign producers of this event.
    #[must_use]
    pub const fn foreign_producers(&self) -> &'static [&'static str] {
        self.also_from
    }

    /// Whether events of one commit may leave as one message.
    #[must_use]
    pub const fn is_packed(&self) -> bool {
        self.packs
    }

    /// Whether `app_id` may publish this event.
    #[must_use]
    pub fn may_be_published_by(&self, app_id: &str) -> bool {
        self.service() == app_id || self.also_from.contains(&app_id)
    }

    /// The type, or `None` for [`Never`].
    #[must_use]
    pub fn if_any(self) -> Option<Self> {
        (self != Never::TYPE).then_some(self)
    }
}

/// An event's type with the JSON schema of its body, and its keys.
#[derive(Clone, Copy)]
pub struct EventSchema {
    event: EventType,
    schema: fn() -> Schema,
    keys: &'static [Key],
}

impl EventSchema {
    /// The schema of an event.
    #[must_use]
    pub fn of<E: Event>() -> Self {
        Self { keys: E::KEYS, ..Self::typed::<E>(E::TYPE) }
    }

    /// The schema of a type whose body is one of `T`.
    #[must_use]
    pub fn typed<T: JsonSchema>(event: EventType) -> Self {
        Self { event, schema: || schema_for!(T), keys: &[] }
    }

    /// The event's type.
    #[must_use]
    pub const fn event(&self) -> EventType {
        self.event
    }

    /// The event's keys.
    #[must_use]
    pub const fn keys(&self) -> &'static [Key] {
        self.keys
    }

    /// Generates the schema.
    #[must_use]
    pub fn schema(&self) -> Schema {
        (self.schema)()
    }
}

impl fmt::Debug for EventSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventSchema").field(&self.event).finish()
    }
}

pub(crate) const fn is_well_formed(name: &str) -> bool {
    let bytes = name.as_bytes();
    let (mut at, mut dots, mut length) = (0, 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'.' => {
                if length == 0 {
                    return false;
                }
                dots += 1;
                length = 0;
            }
            b'v' if dots == 2 && length == 0 => length = 1,
            b'0'..=b'9' if dots == 2 && length > 0 => length += 1,
            b'a'..=b'z' | b'_' if dots < 2 => length += 1,
            b'0'..=b'9' if dots < 2 && length > 0 => length += 1,
            _ => return false,
        }
        at += 1;
    }
    // A routing key has at most 255 bytes.
    dots == 2 && length >= 2 && bytes.len() <= 255
}

impl PartialEq for EventType {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for EventType {}

impl PartialOrd for EventType {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EventType {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.name.cmp(other.name)
    }
}

impl std::hash::Hash for EventType {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventType({})", self.name)
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

/// The event that never happens: the `Refused` of a step that cannot refuse, or the `Compensated` of a
/// compensation that publishes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Never {}

impl Event for Never {
    const TYPE: EventType = EventType::plain("ballet.never.v0");
}

impl Serialize for Never {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}

impl<'de> Deserialize<'de> for Never {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("this event never happens"))
    }
}

impl JsonSchema for Never {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Never".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> Schema {
        false.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_service_event_and_version() {
        let placed = EventType::in_saga("orders.order_placed.v12");
        assert_eq!(
            (placed.service(), placed.event(), placed.major()),
            ("orders", "order_placed", 12)
        );
    }

    #[test]
    fn names_of_another_form_are_refused() {
        for name in [
            "",
            "orders",
            "orders.placed",
            "orders.placed.1",
            "orders.placed.v",
            ".placed.v1",
            "orders..v1",
            "Orders.placed.v1",
            "orders.placed.v1.x",
            "orders.placed.v1x",
            "o r.p.v1",
            "orders.order-placed.v1",
            "1orders.placed.v1",
        ] {
            assert!(!is_well_formed(name), "{name:?} was accepted");
        }
    }

    #[test]
    fn only_the_service_and_its_declared_producers_may_publish() {
        let checkout = EventType::starts_saga("cart.checked_out.v1").also_from(&["storefront"]);
        assert!(checkout.may_be_published_by("cart"));
        assert!(checkout.may_be_published_by("storefront"));
        assert!(!checkout.may_be_published_by("orders"));
    }
}
