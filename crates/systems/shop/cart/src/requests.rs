//! The bodies and paths of requests, and their checks.

use std::collections::HashMap;

use ballet::http::{Place, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop_events::{Address, CartId, CustomerId, MAX_LINES, MAX_QUANTITY, Sku, check_text};

/// A request to open a cart.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct NewCart {
    /// The customer.
    pub(crate) customer_id: CustomerId,
    /// The first items. The quantities of a product add up.
    #[serde(default)]
    #[schemars(length(max = MAX_LINES))]
    pub(crate) items: Vec<NewItem>,
}

/// A quantity of a product.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct NewItem {
    /// The product.
    pub(crate) sku: Sku,
    /// The quantity.
    #[schemars(range(min = 1, max = MAX_QUANTITY))]
    pub(crate) quantity: u32,
}

/// The path of a product in a cart.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct ItemPath {
    /// The cart.
    pub(crate) cart_id: CartId,
    /// The product.
    pub(crate) sku: Sku,
}

/// A request to set the quantity of a product in a cart.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) struct Quantity {
    /// The quantity.
    #[schemars(range(min = 1, max = MAX_QUANTITY))]
    quantity: u32,
}

/// The card that pays for a cart, and the delivery address.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NewCheckout")]
pub(crate) struct CheckoutTerms {
    /// The payment provider's token for the card, never the card's number.
    #[schemars(length(min = 1, max = 200))]
    pub(crate) card_token: String,
    /// The delivery address.
    pub(crate) ship_to: Address,
}

impl NewCart {
    /// Quantities of the same product add up, as in an order.
    pub(crate) fn checked(self) -> Result<Self, Problem> {
        let count = self.items.len();
        if count > MAX_LINES {
            let detail = format!("there are {count} items: a cart has at most {MAX_LINES}");
            return Err(Problem::unprocessable(detail).at(Place::body(["items"])));
        }
        let mut wanted: HashMap<&Sku, u32> = HashMap::with_capacity(count);
        for (at, NewItem { sku, quantity }) in self.items.iter().enumerate() {
            let place = || Place::body(["items", &at.to_string(), "quantity"]);
            check_quantity(*quantity, place)?;
            let sum = wanted.entry(sku).or_default();
            *sum += quantity;
            check_quantity(*sum, place)?;
        }
        Ok(self)
    }
}

impl Quantity {
    pub(crate) fn checked(self) -> Result<u32, Problem> {
        check_quantity(self.quantity, || Place::body(["quantity"]))
    }
}

impl CheckoutTerms {
    pub(crate) fn checked(self) -> Result<Self, Problem> {
        check_text(&self.card_token).map_err(|wrong| {
            let problem = Problem::unprocessable(format!("card_token {wrong}"));
            problem.at(Place::body(["card_token"]))
        })?;
        self.ship_to.check().map_err(|(field, wrong)| {
            let problem = Problem::unprocessable(format!("ship_to.{field} {wrong}"));
            problem.at(Place::body(["ship_to", field]))
        })?;
        Ok(self)
    }
}

fn check_quantity(quantity: u32, place: impl FnOnce() -> Place) -> Result<u32, Problem> {
    if (1..=MAX_QUANTITY).contains(&quantity) {
        return Ok(quantity);
    }
    let detail = format!("quantity {quantity} is out of range: it is 1 to {MAX_QUANTITY}");
    Err(Problem::unprocessable(detail).at(place()))
}
