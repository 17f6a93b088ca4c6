//! The events of the cart.

use ballet_core::{Event, EventType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::ids::{CartId, CustomerId};
use crate::line::OrderLine;

/// A customer checked out a cart. It starts an order. A foreign shop front may publish it, too. The
/// order's id is the message's correlation id, or its message id if it has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CartCheckedOut {
    /// The cart, if it was one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cart_id: Option<CartId>,
    /// The customer.
    pub customer_id: CustomerId,
    /// The goods: 1 to 100 lines, all in one currency.
    #[schemars(length(min = 1, max = 100))]
    pub lines: Vec<OrderLine>,
    /// The payment provider's token for the card, never the card's number.
    #[schemars(length(min = 1, max = 200))]
    pub card_token: String,
    /// The delivery address.
    pub ship_to: Address,
}

impl Event for CartCheckedOut {
    const TYPE: EventType =
        EventType::starts_saga("cart.checked_out.v1").also_from(&["storefront"]);
}
