//! Lines: so many of one thing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Money, Sku};

/// So many of one thing at a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderLine {
    /// What is bought.
    pub sku: Sku,
    /// How many, 1 to 10,000.
    pub quantity: u32,
    /// The price of one.
    pub unit_price: Money,
}

/// So many of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockLine {
    /// The thing.
    pub sku: Sku,
    /// How many; all lines of an order with the same SKU together.
    pub quantity: u64,
}
