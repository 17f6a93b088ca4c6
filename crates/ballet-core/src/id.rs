//! Ids: UUIDs with a name. New ones are version 7, so that they sort by time and partition well.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

/// Makes newtypes over [`Uuid`] for the ids of a domain.
///
/// ```
/// ballet_core::ids! {
///     /// An order.
///     OrderId,
/// }
/// let id: OrderId = "0193f7a0-0000-7000-8000-000000000001".parse().expect("a UUID");
/// assert_eq!(id.to_string(), "0193f7a0-0000-7000-8000-000000000001");
/// ```
#[macro_export]
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            $crate::private::serde::Serialize, $crate::private::serde::Deserialize,
            $crate::private::schemars::JsonSchema,
        )]
        #[serde(crate = "ballet_core::private::serde", transparent)]
        #[schemars(crate = "ballet_core::private::schemars", transparent)]
        pub struct $name(pub $crate::private::uuid::Uuid);

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::std::convert::From<$crate::private::uuid::Uuid> for $name {
            fn from(id: $crate::private::uuid::Uuid) -> Self {
                Self(id)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::private::uuid::Error;

            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

extern crate self as ballet_core;

ids! {
    /// The id of one message: the key for de-duplication.
    MessageId,
    /// The id of one saga, a single run of a distributed transaction. It is the correlation id of
    /// all its messages.
    SagaId,
}

/// Namespace of the ids that are derived from a message (UUIDv5, RFC 9562): a constant, so that
/// every consumer and every attempt derives the same.
const DERIVED: Uuid = Uuid::from_u128(0x6261_6c6c_6574_5000_8000_6465_7269_7665);

impl MessageId {
    /// The id of a message that came without one: identical type and body count as one message.
    #[must_use]
    pub fn derived_from_content(event_type: &str, body: &[u8]) -> Self {
        let mut content = Vec::with_capacity(event_type.len() + 1 + body.len());
        content.extend_from_slice(event_type.as_bytes());
        content.push(0);
        content.extend_from_slice(body);
        Self(Uuid::new_v5(&DERIVED, &content))
    }

    /// The id of a CloudEvent whose own id is a text that is no UUID; such ids are unique for
    /// their source.
    #[must_use]
    pub fn derived_from_source(source: &str, id: &str) -> Self {
        Self::derived_from_text(&format!("{source}\0{id}"))
    }

    /// The id of a message whose own id is a text that is no UUID.
    #[must_use]
    pub fn derived_from_text(text: &str) -> Self {
        Self(Uuid::new_v5(&DERIVED, text.as_bytes()))
    }
}

/// Whether an id has a time in it, which is what version 7 says. Inbox and ledger partition such
/// ids by it; all others have a plain table. [`time_of`] answers for exactly these.
#[must_use]
pub fn is_timed(id: Uuid) -> bool {
    id.get_version_num() == 7
}

/// The time in a version 7 UUID, to the millisecond; `None` for all other versions, whose bits
/// are no time.
///
/// A time beyond what [`Timestamp`] can hold is [`Timestamp::MAX`]: far in the future either way,
/// so that such an id is refused for its time, and not taken for one without.
#[must_use]
pub fn time_of(id: Uuid) -> Option<Timestamp> {
    if !is_timed(id) {
        return None;
    }
    // The first 48 bits are milliseconds since 1970 (RFC 9562).
    let millis = i64::try_from(id.as_u128() >> 80).unwrap_or(i64::MAX);
    Some(Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX))
}

/// A shortened id for people: the last eight digits, which differ even between neighbours in time.
#[must_use]
pub fn short(id: impl fmt::Display) -> String {
    let text = id.to_string();
    text.get(text.len().saturating_sub(8)..).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_ids_depend_on_the_message_alone() {
        let one = MessageId::derived_from_content("a.b.v1", b"{}");
        assert_eq!(one, MessageId::derived_from_content("a.b.v1", b"{}"));
        assert_ne!(one, MessageId::derived_from_content("a.b.v1", b"{ }"));
        assert_ne!(one, MessageId::derived_from_content("a.b.v2", b"{}"));
        assert_eq!(one.0.get_version_num(), 5);
        assert_eq!(time_of(one.0), None);
    }

    #[test]
    fn the_time_of_a_version_7_id_is_read() {
        let id: Uuid = "0193f7a0-0000-7000-8000-000000000001".parse().expect("a UUID");
        assert_eq!(time_of(id).map(Timestamp::as_millisecond), Some(0x0193_f7a0_0000));
    }

    #[test]
    fn a_version_7_id_beyond_all_times_is_in_the_far_future() {
        for id in [
            "ffffffff-ffff-7fff-bfff-ffffffffffff",
            // The first millisecond of the year 10000, and an id that also has a foreign variant.
            "e677d21f-dc00-7000-8000-000000000000",
            "ffffffff-ffff-7000-0000-000000000000",
        ] {
            let id: Uuid = id.parse().expect("a UUID");
            assert!(is_timed(id));
            assert_eq!(time_of(id), Some(Timestamp::MAX), "{id}");
        }
        assert!(!is_timed(Uuid::nil()) && !is_timed(Uuid::max()));
    }
}
