//! Lines: quantities of one product.

use std::fmt;

use ballet_core::value;
use common::values::Money;
use serde::Deserializer;
use serde::de::{Error, Unexpected, Visitor};

use crate::values::price::Price;
use crate::values::sku::Sku;

/// The most lines that an order has.
pub const MAX_LINES: usize = 100;
/// The largest quantity of a line.
pub const MAX_QUANTITY: u32 = 10_000;

/// A quantity of one product at a price.
#[value]
#[derive(Eq)]
pub struct OrderLine {
    /// The product.
    pub sku: Sku,
    /// The quantity, 1 to 10,000.
    #[schemars(range(min = 1, max = MAX_QUANTITY))]
    #[serde(deserialize_with = "read_quantity")]
    pub quantity: u32,
    /// The price of one piece, as catalog offers it.
    #[schemars(with = "Price")]
    pub unit_price: Money,
    /// The version of the product that has this price, as catalog numbers them. A service that has
    /// not heard of it yet waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_version: Option<i64>,
}

/// A quantity of one product.
#[value]
#[derive(Eq)]
pub struct StockLine {
    /// The product.
    pub sku: Sku,
    /// The quantity, summed over all lines of the order with this SKU.
    pub quantity: u64,
}

/// Reads any quantity, since an order with an impossible one is placed and cancelled. The error for anything else
/// names the range of a quantity.
///
/// # Errors
///
/// Returns an error if the value is no whole number, or too large for any quantity.
pub fn read_quantity<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    struct Quantity;

    impl Visitor<'_> for Quantity {
        type Value = u32;

        fn expecting(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(text, "a whole number from 1 to {MAX_QUANTITY}")
        }

        fn visit_u64<E: Error>(self, quantity: u64) -> Result<u32, E> {
            u32::try_from(quantity)
                .map_err(|_| Error::invalid_value(Unexpected::Unsigned(quantity), &self))
        }
    }

    from.deserialize_u32(Quantity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_quantity_is_refused_with_its_range() {
        let line = |quantity: &str| {
            let text = format!(
                "{{\"sku\": \"mug\", \"quantity\": {quantity}, \
                 \"unit_price\": {{\"amount_minor\": 1, \"currency\": \"EUR\"}}}}"
            );
            serde_json::from_str::<OrderLine>(&text).map(|line| line.quantity)
        };
        for wrong in ["\"two\"", "-1", "4294967296"] {
            let why = line(wrong).expect_err("refused").to_string();
            assert!(why.contains("expected a whole number from 1 to 10000"), "{why}");
        }
        assert_eq!(line("10001").ok(), Some(10_001), "orders refuses it, with its reason");
    }
}
