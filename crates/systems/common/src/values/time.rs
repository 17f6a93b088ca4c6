//! Times that others send, and that are stored.

use std::borrow::Cow;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

/// The earliest in Postgres, in 4714 BC.
const EARLIEST: Timestamp = Timestamp::constant(-210_866_803_200, 0);

/// A time that Postgres can store. A time in a request may go back to 9999 BC, and a statement with a time that
/// Postgres does not have fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Timestamp")]
pub struct StorableTime(Timestamp);

/// A time that is too early for Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} cannot be stored: send a time from {EARLIEST} on")]
pub struct TooEarly(Timestamp);

impl StorableTime {
    /// The time.
    #[must_use]
    pub const fn get(self) -> Timestamp {
        self.0
    }
}

impl TryFrom<Timestamp> for StorableTime {
    type Error = TooEarly;

    fn try_from(time: Timestamp) -> Result<Self, TooEarly> {
        if time < EARLIEST { Err(TooEarly(time)) } else { Ok(Self(time)) }
    }
}

impl JsonSchema for StorableTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "StorableTime".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Timestamp::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_before_all_that_can_be_stored_is_refused() {
        let read = |time: &str| serde_json::from_str::<StorableTime>(&format!("\"{time}\""));
        for good in ["-004713-11-24T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-30T00:00:00Z"] {
            assert_eq!(read(good).ok().map(StorableTime::get), good.parse().ok(), "{good}");
        }
        let why = read("-004713-11-23T23:59:59Z").expect_err("too early").to_string();
        let expected =
            "-004713-11-23T23:59:59Z cannot be stored: send a time from -004713-11-24T00:00:00Z on";
        assert_eq!(why, expected);
    }
}
