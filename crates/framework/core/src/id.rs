//! Ids: UUIDs with a type of their own. New ones are version 7, which sort and partition by time.

use std::fmt;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use uuid::Uuid;

/// Makes newtypes over [`Uuid`] for the ids of a domain. In a service they are bound and read as they are: with the
/// feature `sqlx`, which `ballet` turns on, each is a type of sqlx.
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
    ($($(#[doc = $doc:literal])* $name:ident),+ $(,)?) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $crate::private::uuid::Uuid);

        // Derived, they would name this crate, and a service may have it as `ballet::core` only.
        impl $crate::private::serde::Serialize for $name {
            fn serialize<S: $crate::private::serde::Serializer>(
                &self,
                to: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                $crate::private::serde::Serialize::serialize(&self.0, to)
            }
        }

        impl<'de> $crate::private::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::private::serde::Deserializer<'de>>(
                from: D,
            ) -> ::std::result::Result<Self, D::Error> {
                // In braces it would be the same id at another address, and in another place of a cache.
                let id: $crate::private::uuid::fmt::Hyphenated =
                    $crate::private::serde::Deserialize::deserialize(from)?;
                ::std::result::Result::Ok(Self(id.into_uuid()))
            }
        }

        impl $crate::private::schemars::JsonSchema for $name {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                ::std::stringify!($name).into()
            }

            fn schema_id() -> ::std::borrow::Cow<'static, str> {
                ::std::concat!(::std::module_path!(), "::", ::std::stringify!($name)).into()
            }

            fn json_schema(
                all: &mut $crate::private::schemars::SchemaGenerator,
            ) -> $crate::private::schemars::Schema {
                $crate::private::id_schema(all, &[$($doc),*])
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::std::convert::AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }

        $crate::__id_in_sql!($name);

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

/// Stores an id as the `uuid` that it is.
#[cfg(feature = "sqlx")]
#[doc(hidden)]
#[macro_export]
macro_rules! __id_in_sql {
    ($name:ident) => {
        impl $crate::private::sqlx::Type<$crate::private::sqlx::Postgres> for $name {
            fn type_info() -> $crate::private::sqlx::postgres::PgTypeInfo {
                <$crate::private::uuid::Uuid as $crate::private::sqlx::Type<
                    $crate::private::sqlx::Postgres,
                >>::type_info()
            }
        }

        impl $crate::private::sqlx::postgres::PgHasArrayType for $name {
            fn array_type_info() -> $crate::private::sqlx::postgres::PgTypeInfo {
                <$crate::private::uuid::Uuid as $crate::private::sqlx::postgres::PgHasArrayType>::array_type_info()
            }
        }

        impl $crate::private::sqlx::Encode<'_, $crate::private::sqlx::Postgres> for $name {
            fn encode_by_ref(
                &self,
                buffer: &mut $crate::private::sqlx::postgres::PgArgumentBuffer,
            ) -> ::std::result::Result<
                $crate::private::sqlx::encode::IsNull,
                $crate::private::sqlx::error::BoxDynError,
            > {
                $crate::private::sqlx::Encode::<$crate::private::sqlx::Postgres>::encode_by_ref(
                    &self.0, buffer,
                )
            }
        }

        impl<'r> $crate::private::sqlx::Decode<'r, $crate::private::sqlx::Postgres> for $name {
            fn decode(
                value: $crate::private::sqlx::postgres::PgValueRef<'r>,
            ) -> ::std::result::Result<Self, $crate::private::sqlx::error::BoxDynError> {
                $crate::private::sqlx::Decode::<$crate::private::sqlx::Postgres>::decode(value)
                    .map(Self)
            }
        }
    };
}

#[cfg(not(feature = "sqlx"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __id_in_sql {
    ($name:ident) => {};
}

/// The schema of an id with these lines of documentation.
#[doc(hidden)]
#[must_use]
pub fn id_schema(all: &mut SchemaGenerator, doc: &[&str]) -> Schema {
    let mut schema = Uuid::json_schema(all);
    let description = doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n");
    if !description.is_empty() {
        schema.insert("description".to_owned(), description.into());
    }
    schema
}

ids! {
    /// The id of a message: the key for de-duplication.
    MessageId,
    /// The id of one run of a saga. It is the correlation id of all its messages.
    SagaId,
}

/// The namespace of derived ids (UUIDv5, RFC 9562). It is a constant, so every consumer and every
/// attempt derives the same id.
const DERIVED: Uuid = Uuid::from_u128(0x6261_6c6c_6574_5000_8000_6465_7269_7665);

impl MessageId {
    /// The id of a message without one. Messages with the same type, body and correlation id have
    /// the same id.
    #[must_use]
    pub fn derived_from_content(event_type: &str, saga: Option<&str>, body: &[u8]) -> Self {
        let mut content = event_type.as_bytes().to_vec();
        if let Some(saga) = saga {
            content.push(1);
            content.extend_from_slice(saga.as_bytes());
        }
        content.push(0);
        content.extend_from_slice(body);
        Self(Uuid::new_v5(&DERIVED, &content))
    }

    /// The id of a CloudEvent whose own id is not a UUID. Such an id is unique within its source.
    #[must_use]
    pub fn derived_from_source(source: &str, id: &str) -> Self {
        Self::derived_from_text(&format!("{source}\0{id}"))
    }

    /// The id of a message whose own id is not a UUID.
    #[must_use]
    pub fn derived_from_text(text: &str) -> Self {
        Self(Uuid::new_v5(&DERIVED, text.as_bytes()))
    }
}

/// The bytes of a version 7 UUID that hold its time.
const TIME_BYTES: usize = 6;

/// An id that follows from a saga and a name, wherever it is derived. It begins with the time of
/// the saga's id, if that has one, since indexes take ids in order faster.
#[must_use]
pub fn derived_in_saga(saga_id: SagaId, name: &str) -> Uuid {
    let hash = Uuid::new_v5(&DERIVED, format!("saga\0{saga_id}\0{name}").as_bytes());
    if !is_timed(saga_id.0) {
        return hash;
    }
    let mut bytes = hash.into_bytes();
    bytes[..TIME_BYTES].copy_from_slice(&saga_id.0.as_bytes()[..TIME_BYTES]);
    // Version 8. It is not taken for an id that was made at that time.
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Whether an id contains a time (version 7). Inbox and ledger partition these ids by time, and
/// keep all others in a plain table. [`time_of`] returns a time for exactly these.
#[must_use]
pub fn is_timed(id: Uuid) -> bool {
    id.get_version_num() == 7
}

/// The time in a version 7 UUID, to the millisecond; `None` for all other versions.
///
/// A time beyond what [`Timestamp`] can hold is [`Timestamp::MAX`], so that such an id is refused
/// as lying in the future.
#[must_use]
pub fn time_of(id: Uuid) -> Option<Timestamp> {
    if !is_timed(id) {
        return None;
    }
    // The first 48 bits are milliseconds since 1970 (RFC 9562).
    let millis = i64::try_from(id.as_u128() >> 80).unwrap_or(i64::MAX);
    Some(Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX))
}

/// A short form of an id for people: its last eight digits, which differ even between ids of the
/// same millisecond.
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
        let one = MessageId::derived_from_content("a.b.v1", None, b"{}");
        assert_eq!(one, MessageId::derived_from_content("a.b.v1", None, b"{}"));
        assert_ne!(one, MessageId::derived_from_content("a.b.v1", None, b"{ }"));
        assert_ne!(one, MessageId::derived_from_content("a.b.v2", None, b"{}"));
        assert_ne!(one, MessageId::derived_from_content("a.b.v1", Some("saga"), b"{}"));
        assert_eq!(one.0.get_version_num(), 5);
        assert_eq!(time_of(one.0), None);
    }

    #[test]
    fn an_id_in_a_saga_is_the_same_each_time_and_sorts_as_the_saga_does() {
        let saga = |text: &str| SagaId(text.parse().expect("a UUID"));
        let timed = saga("0193f7a0-0000-7000-8000-000000000001");
        let id = derived_in_saga(timed, "parcel");
        // It never changes: databases of every release go on with it.
        assert_eq!(id.to_string(), "0193f7a0-0000-8c41-baef-41ecddc5d684");
        assert_ne!(id, derived_in_saga(timed, "invoice"));
        let other = saga("0193f7a0-0000-7000-8000-000000000002");
        assert_ne!(id, derived_in_saga(other, "parcel"));
        assert_eq!(time_of(id), None);
        let timeless = saga("0193f7a0-0000-4000-8000-000000000001");
        assert_eq!(derived_in_saga(timeless, "parcel").get_version_num(), 5);
    }

    #[test]
    fn an_id_is_read_in_one_form() {
        let id = "0193f7a0-0000-7000-8000-00000000abcd";
        let read = |text: &str| serde_json::from_value::<SagaId>(text.into());
        assert_eq!(read(id).expect("an id").to_string(), id);
        let plain = id.replace('-', "");
        for other in [format!("{{{id}}}"), format!("urn:uuid:{id}"), plain, "x".to_owned()] {
            let error = read(&other).expect_err("another form").to_string();
            assert!(error.starts_with("UUID parsing failed"), "{other}: {error}");
        }
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
