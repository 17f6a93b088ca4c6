//! What the cart tells.

use ballet_core::{Event, EventType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Address, CartId, CustomerId, OrderLine};

/// A customer wants to buy. It starts an order; a shop front without our cart may send it as well.
/// The order's id is the message's correlation id, or its message id if it has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CartCheckedOut {
    /// The cart, if it was one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cart_id: Option<CartId>,
    /// Who buys.
    pub customer_id: CustomerId,
    /// What is bought: 1 to 100 lines, all in one currency.
    pub lines: Vec<OrderLine>,
    /// The payment provider's token for the card; never a card's number.
    pub card_token: String,
    /// Where it is to be sent.
    pub ship_to: Address,
}

impl Event for CartCheckedOut {
    const TYPE: EventType =
        EventType::starts_saga("cart.checked_out.v1").also_from(&["storefront"]);
}
