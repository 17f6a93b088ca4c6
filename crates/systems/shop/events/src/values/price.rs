//! The schema of a price.

use std::borrow::Cow;

use common::values::Money;
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// The schema of a price: money that is not below zero.
pub(crate) struct Price;

impl JsonSchema for Price {
    fn schema_name() -> Cow<'static, str> {
        "Price".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Money::json_schema(generator);
        schema.insert("description".to_owned(), "Money that is not below zero.".into());
        if let Some(amount) = schema.pointer_mut("/properties/amount_minor") {
            amount["minimum"] = 0.into();
        }
        schema
    }
}
