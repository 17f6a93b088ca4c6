//! Lines: quantities of one product.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::money::{Money, Price};
use crate::sku::Sku;

/// A quantity of one product at a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderLine {
    /// The product.
    pub sku: Sku,
    /// The quantity, 1 to 10,000.
    #[schemars(range(min = 1, max = 10_000))]
    pub quantity: u32,
    /// The price of one piece.
    #[schemars(with = "Price")]
    pub unit_price: Money,
}

/// A quantity of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockLine {
    /// The product.
    pub sku: Sku,
    /// The quantity, summed over all lines of the order with this SKU.
    pub quantity: u64,
}
