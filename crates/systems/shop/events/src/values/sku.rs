//! SKUs: the names of products.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The name of a product: 1 to 64 letters, digits, `.`, `_` or `-`. It does not begin with a dot,
/// because no URL has a part that is `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sku(String);

/// A text that is not a SKU.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a SKU: send 1 to 64 letters, digits, `.`, `_` or `-`, no dot first")]
pub struct NotASku {
    text: String,
}

impl Sku {
    /// The SKU as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Sku {
    type Err = NotASku;

    fn from_str(text: &str) -> Result<Self, NotASku> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for Sku {
    type Error = NotASku;

    fn try_from(text: String) -> Result<Self, NotASku> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('.') {
            Ok(Self(text))
        } else {
            Err(NotASku { text: text.chars().take(80).collect() })
        }
    }
}

impl From<Sku> for String {
    fn from(sku: Sku) -> Self {
        sku.0
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Sku {
    fn schema_name() -> Cow<'static, str> {
        "Sku".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "description": "A product, by its SKU.",
            "pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$", "examples": ["mug"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_is_short_and_plain() {
        assert_eq!("mug-01.blue_L".parse::<Sku>().expect("a SKU").as_str(), "mug-01.blue_L");
        for wrong in ["", ".", "..", ".a", "a b", "a/b", "ä", "a\0", &"x".repeat(65)] {
            assert!(wrong.parse::<Sku>().is_err(), "{wrong:?} was accepted");
        }
    }
}
