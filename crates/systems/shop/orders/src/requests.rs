//! The bodies of requests.

use std::borrow::Cow;

use ballet::openapi::{Value, json};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use shop_events::cart::CartCheckedOut;

/// A request to place an order, with its customer, goods and prices.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct NewOrder(pub(crate) CartCheckedOut);

impl JsonSchema for NewOrder {
    fn schema_name() -> Cow<'static, str> {
        "NewOrder".into()
    }

    /// The fields of `cart.checked_out.v1`, without that event's notes about messages.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = CartCheckedOut::json_schema(generator);
        let about = "A request to place an order, with its customer, goods and prices.";
        schema.insert("description".to_owned(), about.into());
        schema
    }
}

pub(crate) fn example() -> Value {
    json!({
        "customer_id": "0193f7a0-0000-7000-8000-00000000c001",
        "lines": [{
            "sku": "mug",
            "quantity": 2,
            "unit_price": { "amount_minor": 1250, "currency": "EUR" },
            "product_version": 1,
        }],
        "card_token": "card_approved",
        "ship_to": {
            "name": "Pia Kamp",
            "street": "Am Hafen 3",
            "postal_code": "20457",
            "city": "Hamburg",
            "country": "DE",
        },
    })
}
