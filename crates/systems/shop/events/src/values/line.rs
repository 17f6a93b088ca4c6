//! Lines: quantities of one product.

use ballet_core::value;
use common::values::Money;

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
