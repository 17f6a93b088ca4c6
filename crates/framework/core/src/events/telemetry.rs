//! Telemetry: what is measured often and matters in sum, such as a heartbeat or a position.

use std::fmt;

use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use crate::events::event::is_well_formed;
use crate::events::lasting::lasting;

/// The maximum number of partitions of one type. Each is a stream of the broker.
const MOST_PARTITIONS: u16 = 64;

/// A measurement. It belongs to no saga. Services read measurements in order, at their own pace,
/// and keep sums, but do not react to a single one.
///
/// The JSON shape is the type's serde mapping, with the rules of an [`Event`](crate::Event). The time of the
/// measurement is a field of the body.
///
/// ```
/// use ballet_core::{Telemetry, telemetry};
///
/// /// A vehicle's position.
/// #[telemetry("location.position.v1", key = vehicle, partitions = 4)]
/// struct Position {
///     vehicle: String,
///     metres: u32,
/// }
/// assert_eq!(Position::TYPE.service(), "location");
/// ```
pub trait Telemetry: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The name on the wire, in how many streams it is spread, and how much of it is kept.
    const TYPE: TelemetryType;

    /// Returns the key of the thing that is measured. Measurements with the same key go to the same partition, and are
    /// read in the order in which the broker took them.
    fn key(&self) -> impl AsRef<[u8]>;
}

/// A telemetry's name, `<service>.<what>.v<major>`, its partitions, and how much of it is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TelemetryType {
    name: &'static str,
    partitions: u16,
    kept_days: u16,
    kept_bytes: u64,
}

impl TelemetryType {
    /// One partition, which keeps a week, or 5 GB if that is less. A constant does not compile unless the name is
    /// well formed.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        assert!(
            is_well_formed(name) && name.len() <= 200,
            "the name of telemetry is `<service>.<what>.v<major>`, lower case with underscores, for instance \
             `playback.heartbeat.v1`"
        );
        Self { name, partitions: 1, kept_days: 7, kept_bytes: 5_000_000_000 }
    }

    /// Sets the number of partitions, and so how many replicas of a reader can share the work. It
    /// must not change later, because a key would move to another partition and lose its order.
    /// Only a new major version may change it.
    #[must_use]
    pub const fn partitions(self, partitions: u16) -> Self {
        assert!(partitions > 0 && partitions <= MOST_PARTITIONS, "there are 1 to 64 partitions");
        Self { partitions, ..self }
    }

    /// Sets for how many days each partition keeps it.
    #[must_use]
    pub const fn kept_days(self, kept_days: u16) -> Self {
        assert!(kept_days > 0, "it is kept for a day at least");
        Self { kept_days, ..self }
    }

    /// Sets the bytes beyond which each partition keeps less. The disk must not fill.
    #[must_use]
    pub const fn kept_bytes(self, kept_bytes: u64) -> Self {
        Self { kept_bytes, ..self }
    }

    /// A type from a file. Its text lives as long as the process. `None` if the name is not well formed, or there
    /// are no partitions, or too many.
    pub(crate) fn read(
        name: &str,
        partitions: u16,
        kept_days: u16,
        kept_bytes: u64,
    ) -> Option<Self> {
        let is_sound = is_well_formed(name)
            && name.len() <= 200
            && (1..=MOST_PARTITIONS).contains(&partitions)
            && kept_days > 0;
        is_sound.then(|| Self { name: lasting(name), partitions, kept_days, kept_bytes })
    }

    /// The whole name, for instance `playback.heartbeat.v1`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The service that publishes it: the first part of the name.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.name.split('.').next().unwrap_or_default()
    }

    /// The number of partitions.
    #[must_use]
    pub const fn partition_count(&self) -> u16 {
        self.partitions
    }

    /// For how many days each partition keeps it.
    #[must_use]
    pub const fn days(&self) -> u16 {
        self.kept_days
    }

    /// The bytes beyond which each partition keeps less.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.kept_bytes
    }

    /// The partition of a key: FNV-1a of 64 bits, modulo the number of partitions. So it is in every language.
    #[must_use]
    pub fn partition_of(&self, key: &[u8]) -> u16 {
        let partition = fingerprint([key]) % u64::from(self.partitions);
        u16::try_from(partition).unwrap_or_default()
    }

    /// The routing key of a partition.
    #[must_use]
    pub fn routing_key(&self, partition: u16) -> String {
        format!("{}.{partition}", self.name)
    }
}

/// FNV-1a of 64 bits.
#[must_use]
pub fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let bytes = parts.into_iter().flatten();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A type of telemetry with the JSON schema of its body.
#[derive(Clone, Copy)]
pub struct TelemetrySchema {
    telemetry: TelemetryType,
    schema: fn() -> Schema,
}

impl TelemetrySchema {
    /// The schema of telemetry.
    #[must_use]
    pub fn of<T: Telemetry>() -> Self {
        Self { telemetry: T::TYPE, schema: || schema_for!(T) }
    }

    /// The type.
    #[must_use]
    pub const fn telemetry(&self) -> TelemetryType {
        self.telemetry
    }

    /// Generates the schema.
    #[must_use]
    pub fn schema(&self) -> Schema {
        (self.schema)()
    }
}

impl fmt::Debug for TelemetrySchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TelemetrySchema").field(&self.telemetry).finish()
    }
}

impl fmt::Display for TelemetryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Debug for TelemetryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TelemetryType({} of {})", self.name, self.partitions)
    }
}

impl Serialize for TelemetryType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_same_partition_in_every_language() {
        let beat = TelemetryType::new("playback.heartbeat.v1").partitions(4);
        // FNV-1a of "a" is af63dc4c8601ec8c.
        assert_eq!(fingerprint([&b"a"[..]]), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(beat.partition_of(b"a"), 0);
        assert_eq!(beat.routing_key(3), "playback.heartbeat.v1.3");
    }

    #[test]
    fn a_file_with_an_unsound_type_is_refused() {
        assert!(TelemetryType::read("playback.heartbeat.v1", 2, 1, 1).is_some());
        assert!(TelemetryType::read("heartbeat", 2, 1, 1).is_none());
        assert!(TelemetryType::read("playback.heartbeat.v1", 0, 1, 1).is_none());
        assert!(TelemetryType::read("playback.heartbeat.v1", 65, 1, 1).is_none());
        assert!(TelemetryType::read("playback.heartbeat.v1", 1, 0, 1).is_none());
    }
}
