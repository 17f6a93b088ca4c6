//! The events of the cart.

use ballet_core::{event, value};

use crate::orders::CancelReason;
use crate::values::address::Address;
use crate::values::ids::{CartId, CustomerId, OrderId};
use crate::values::line::{MAX_LINES, OrderLine};

/// A customer checked out a cart. It starts an order. A foreign shop front may publish it, too. The
/// order's id is the message's correlation id, or its message id if it has none.
#[event(
    "cart.checked_out.v1",
    starts_saga,
    also_from("storefront"),
    keys(cart = cart_id, customer = customer_id, product = "lines[].sku")
)]
pub struct CartCheckedOut {
    /// The cart, if it was one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cart_id: Option<CartId>,
    /// The customer.
    pub customer_id: CustomerId,
    /// The goods: 1 to 100 lines, all in one currency.
    #[schemars(length(min = 1, max = MAX_LINES))]
    pub lines: Vec<OrderLine>,
    /// The payment provider's token for the card, never the card's number.
    #[schemars(length(min = 1, max = 200))]
    pub card_token: String,
    /// The delivery address.
    pub ship_to: Address,
}

/// The order of a cart was cancelled for a reason that the customer can mend: the cart can be changed
/// and checked out again, as another order.
#[event("cart.reopened.v1", keys(cart = cart_id, customer = customer_id, order = order_id))]
pub struct CartReopened {
    /// The cart.
    pub cart_id: CartId,
    /// The customer.
    pub customer_id: CustomerId,
    /// The order that was cancelled.
    pub order_id: OrderId,
    /// Why it was cancelled.
    pub reason: CancelReason,
}

/// All lines were taken out of a cart.
#[event("cart.cleared.v1", keys(cart = cart_id, customer = customer_id, order = order_id))]
pub struct CartCleared {
    /// The cart.
    pub cart_id: CartId,
    /// The customer.
    pub customer_id: CustomerId,
    /// Why it was cleared.
    pub reason: ClearReason,
    /// The order that ended the cart. Missing if the customer cleared it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
}

/// Why a cart was cleared.
#[value]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ClearReason {
    /// The customer cleared it, and may go on with it.
    Customer,
    /// Its order is confirmed.
    OrderConfirmed,
    /// Its order was cancelled by the customer.
    OrderCancelled,
}
