//! Codes of a fixed number of capital letters: currencies and countries.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A code of `N` capital letters. Whether the currency or country exists is not checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Code<const N: usize>([u8; N]);

/// A currency, as in ISO 4217: `EUR`.
pub type Currency = Code<3>;

/// A country, as in ISO 3166-1: `DE`.
pub type Country = Code<2>;

/// A text that is not a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a code: send {letters} capital letters")]
pub struct NotACode {
    text: String,
    letters: usize,
}

impl<const N: usize> Code<N> {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Capital letters are UTF-8, so the default is never used.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl<const N: usize> FromStr for Code<N> {
    type Err = NotACode;

    fn from_str(text: &str) -> Result<Self, NotACode> {
        match <[u8; N]>::try_from(text.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(Self(letters)),
            _ => Err(NotACode { text: text.chars().take(20).collect(), letters: N }),
        }
    }
}

impl<const N: usize> TryFrom<String> for Code<N> {
    type Error = NotACode;

    fn try_from(text: String) -> Result<Self, NotACode> {
        text.parse()
    }
}

impl<const N: usize> From<Code<N>> for String {
    fn from(code: Code<N>) -> Self {
        code.as_str().to_owned()
    }
}

impl<const N: usize> fmt::Display for Code<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Code<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> JsonSchema for Code<N> {
    fn schema_name() -> Cow<'static, str> {
        format!("Code{N}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": format!("^[A-Z]{{{N}}}$") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_capital_letters() {
        assert_eq!("EUR".parse::<Currency>().expect("a code").as_str(), "EUR");
        for wrong in ["", "EU", "EURO", "eur", "E1R", "ÄB", "EU "] {
            assert!(wrong.parse::<Currency>().is_err(), "{wrong:?} was accepted");
        }
        let error = serde_json::from_str::<Country>("\"Germany\"").expect_err("no code");
        assert_eq!(error.to_string(), "\"Germany\" is not a code: send 2 capital letters");
    }
}
