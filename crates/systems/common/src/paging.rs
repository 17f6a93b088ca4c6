//! Pagination: long lists over HTTP, one bounded page at a time.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// The maximum number of items on a page, or of a list without pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u16")]
pub struct Limit<const MAX: u16 = 1_000, const DEFAULT: u16 = 100>(u16);

impl<const MAX: u16, const DEFAULT: u16> Limit<MAX, DEFAULT> {
    /// Returns the number, for `limit` in SQL.
    #[must_use]
    pub fn rows(self) -> i64 {
        i64::from(self.0)
    }

    /// Returns the number, for an iterator.
    #[must_use]
    pub fn items(self) -> usize {
        usize::from(self.0)
    }
}

impl<const MAX: u16, const DEFAULT: u16> Default for Limit<MAX, DEFAULT> {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl<const MAX: u16, const DEFAULT: u16> JsonSchema for Limit<MAX, DEFAULT> {
    fn schema_name() -> Cow<'static, str> {
        "Limit".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer", "minimum": 1, "maximum": MAX, "default": DEFAULT,
        })
    }
}

impl<const MAX: u16, const DEFAULT: u16> TryFrom<u16> for Limit<MAX, DEFAULT> {
    type Error = String;

    fn try_from(limit: u16) -> Result<Self, String> {
        if (1..=MAX).contains(&limit) {
            Ok(Self(limit))
        } else {
            Err(format!("limit {limit} is out of range: it must be 1 to {MAX}"))
        }
    }
}

/// Advice for a client whose `after` leads nowhere.
pub const CURSOR: &str = "send the `next` of the page before as it came, or leave `after` out to begin \
                          with the first page";

/// Reads an `after`, for serde's `deserialize_with`. An unreadable value is no cursor.
///
/// # Errors
///
/// Returns an error with a sentence that says what to do.
pub fn cursor<'de, D, Key>(deserializer: D) -> Result<Option<Key>, D::Error>
where
    D: Deserializer<'de>,
    Key: Deserialize<'de>,
{
    Option::deserialize(deserializer)
        .map_err(|_| D::Error::custom(format!("it is no cursor of this list: {CURSOR}")))
}

/// The part of a list that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "Key: Deserialize<'de>"))]
pub struct After<Key> {
    /// The `next` of the page before. Without it, the list begins.
    #[serde(default, deserialize_with = "cursor")]
    pub after: Option<Key>,
    /// The most items on the page.
    #[serde(default)]
    pub limit: Limit,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// The items, in list order.
    pub items: Vec<T>,
    /// The `after` of the next page. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Creates a page from items read with this limit. `cursor` returns the `after` that leads to the items behind
    /// the given one. A full last page is followed by an empty one.
    pub fn new<Cursor: ToString>(
        items: Vec<T>,
        limit: Limit,
        cursor: impl FnOnce(&T) -> Cursor,
    ) -> Self {
        let full = items.len() >= limit.items();
        let next = items.last().filter(|_| full).map(|last| cursor(last).to_string());
        Self { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_bounded() {
        assert!(serde_json::from_str::<Limit>("0").is_err());
        assert_eq!(serde_json::from_str::<Limit>("1000").map(<Limit>::rows).ok(), Some(1_000));
        let error = serde_json::from_str::<Limit>("1001").expect_err("too many");
        assert_eq!(error.to_string(), "limit 1001 is out of range: it must be 1 to 1000");
    }

    #[test]
    fn a_spoilt_cursor_is_refused_with_what_to_do() {
        let read = |json: &str| serde_json::from_str::<After<u8>>(json);
        let part = read(r#"{"after": 7}"#).expect("a part");
        assert_eq!((part.after, part.limit), (Some(7), <Limit>::default()));
        assert_eq!(read("{}").expect("the first page").after, None);
        let error = read(r#"{"after": "seven"}"#).expect_err("no number").to_string();
        assert!(error.starts_with("it is no cursor of this list: send the `next`"), "{error}");
    }

    #[test]
    fn a_full_page_names_the_next() {
        let limit = <Limit>::try_from(2).expect("in range");
        assert_eq!(Page::new(vec![7, 8], limit, |n| *n).next.as_deref(), Some("8"));
        assert_eq!(Page::new(vec![7], limit, |n| *n).next, None);
        assert_eq!(Page::new(Vec::<u8>::new(), limit, |n| *n).next, None);
    }
}
