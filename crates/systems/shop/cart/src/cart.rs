//! A cart, how its lines change, and how they are compared with the products.

use std::collections::HashMap;

use ballet::core::Versioned;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop_events::catalog::Product;
use shop_events::{CartId, CustomerId, MAX_LINES, Money, OrderId, OrderLine, Sku};

/// A cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Cart {
    /// The cart.
    pub(crate) cart_id: CartId,
    /// The customer.
    pub(crate) customer_id: CustomerId,
    /// 1 when the cart is opened, and 1 more with each change of it: its ETag.
    pub(crate) version: i64,
    /// The status of the cart.
    pub(crate) status: CartStatus,
    /// The lines, in the order in which they were added.
    #[schemars(length(max = MAX_LINES))]
    pub(crate) lines: Vec<CartLine>,
    /// The price of all lines that can be bought. Missing if there are none, or if they are in
    /// several currencies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<Money>,
    /// The order of the last checkout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order_id: Option<OrderId>,
    /// When it was opened.
    pub(crate) created_at: Timestamp,
    /// When it was changed last.
    pub(crate) changed_at: Timestamp,
}

/// The status of a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CartStatus {
    /// The cart can be changed and checked out.
    Open,
    /// The cart is an order, which may still be cancelled.
    CheckedOut,
    /// Its order is confirmed, or was cancelled by the customer.
    Closed,
}

/// A quantity of a product at the price that the customer was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CartLine {
    /// The product.
    pub(crate) sku: Sku,
    /// Its title.
    pub(crate) title: String,
    /// The quantity.
    pub(crate) quantity: u32,
    /// The price of one piece.
    pub(crate) unit_price: Money,
    /// The product can no longer be bought: take the line out.
    #[serde(default)]
    pub(crate) withdrawn: bool,
}

/// A line that is not as the customer was shown it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct ChangedLine {
    /// The product.
    pub(crate) sku: Sku,
    /// The price that the customer was shown.
    pub(crate) old_price: Money,
    /// The price now. Missing if the product is withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) new_price: Option<Money>,
}

impl Cart {
    pub(crate) fn new(cart_id: CartId, customer_id: CustomerId, now: Timestamp) -> Self {
        Self {
            cart_id,
            customer_id,
            version: 1,
            status: CartStatus::Open,
            lines: Vec::new(),
            total: None,
            order_id: None,
            created_at: now,
            changed_at: now,
        }
    }

    /// Returns whether the lines change, or `None` if there is no room for another line.
    pub(crate) fn put(&mut self, product: Product, quantity: u32) -> Option<bool> {
        let Product { sku, title, price: unit_price, .. } = product;
        let new = CartLine { sku, title, quantity, unit_price, withdrawn: false };
        let is_full = self.lines.len() >= MAX_LINES;
        match self.lines.iter_mut().find(|line| line.sku == new.sku) {
            Some(line) if *line == new => return Some(false),
            Some(line) => *line = new,
            None if is_full => return None,
            None => self.lines.push(new),
        }
        self.total = total(&self.lines).ok().flatten();
        Some(true)
    }

    /// Returns whether the product was there.
    pub(crate) fn remove(&mut self, sku: &Sku) -> bool {
        let before = self.lines.len();
        self.lines.retain(|line| line.sku != *sku);
        self.total = total(&self.lines).ok().flatten();
        self.lines.len() < before
    }

    /// Returns whether there was something.
    pub(crate) fn clear(&mut self) -> bool {
        let was_empty = self.lines.is_empty();
        self.lines.clear();
        self.total = None;
        !was_empty
    }

    /// Updates the lines by the copy's products, and returns those that differ from what the customer was shown. A
    /// withdrawn product is among them until it is taken out; one that is for sale again, because the catalog was
    /// restored, is among them once.
    pub(crate) fn compare(
        &mut self,
        products: &HashMap<String, Versioned<Product>>,
    ) -> Vec<ChangedLine> {
        let mut changes = Vec::new();
        for line in &mut self.lines {
            let Some(version) = products.get(line.sku.as_str()) else { continue };
            let (sku, old_price) = (line.sku.clone(), line.unit_price);
            match &version.state {
                Some(product) if product.price == old_price && !line.withdrawn => {}
                Some(product) => {
                    line.unit_price = product.price;
                    line.withdrawn = false;
                    changes.push(ChangedLine { sku, old_price, new_price: Some(product.price) });
                }
                None => {
                    line.withdrawn = true;
                    changes.push(ChangedLine { sku, old_price, new_price: None });
                }
            }
        }
        self.total = total(&self.lines).ok().flatten();
        changes
    }

    /// Returns the order's lines and total, or why they are no order.
    pub(crate) fn order(&self) -> Result<(Vec<OrderLine>, Money), String> {
        let total = total(&self.lines)?.ok_or_else(|| format!("cart {} is empty", self.cart_id))?;
        let line = |CartLine { sku, quantity, unit_price, .. }: &CartLine| OrderLine {
            sku: sku.clone(),
            quantity: *quantity,
            unit_price: *unit_price,
            product_version: None,
        };
        Ok((self.lines.iter().map(line).collect(), total))
    }
}

/// Counts the lines that can be bought. Returns `None` if there are none, and an error if they cannot be one order.
pub(crate) fn total(lines: &[CartLine]) -> Result<Option<Money>, String> {
    let mut total: Option<Money> = None;
    for line in lines.iter().filter(|line| !line.withdrawn) {
        let (sku, currency) = (&line.sku, line.unit_price.currency);
        if total.is_some_and(|total| total.currency != currency) {
            return Err(format!(
                "product {sku} costs {currency} and the cart's first product does not: an order \
                 has one currency"
            ));
        }
        let before = total.unwrap_or(Money { amount_minor: 0, currency });
        let sum = line.unit_price.times(line.quantity).and_then(|price| before.plus(price));
        total = Some(sum.ok_or("the total is out of range")?);
    }
    Ok(total)
}
