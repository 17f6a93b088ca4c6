//! The length of a list of recommendations.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// The most products of a list: 1 to 50, by default 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u16")]
pub(crate) struct ListSize(u16);

impl ListSize {
    const MAX: u16 = 50;

    /// The number, for `limit` in SQL.
    pub(crate) fn rows(self) -> i64 {
        i64::from(self.0)
    }

    pub(crate) fn items(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for ListSize {
    fn default() -> Self {
        Self(10)
    }
}

impl TryFrom<u16> for ListSize {
    type Error = String;

    fn try_from(size: u16) -> Result<Self, String> {
        if (1..=Self::MAX).contains(&size) {
            Ok(Self(size))
        } else {
            Err(format!("limit {size} is out of range: it must be 1 to {}", Self::MAX))
        }
    }
}

impl JsonSchema for ListSize {
    fn schema_name() -> Cow<'static, str> {
        "ListSize".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer", "minimum": 1, "maximum": Self::MAX, "default": Self::default().0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_bounded() {
        assert_eq!(ListSize::default().items(), 10);
        assert_eq!(ListSize::try_from(50).map(ListSize::rows), Ok(50));
        let error = ListSize::try_from(51).expect_err("too long");
        assert_eq!(error, "limit 51 is out of range: it must be 1 to 50");
        assert!(ListSize::try_from(0).is_err());
    }
}
