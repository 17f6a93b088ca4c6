//! Cart: the goods that customers want to buy, at the prices that they were shown, and the checkouts. A checkout is
//! decided once, under the lock of the cart's row, against the copy of the products.

#![warn(missing_docs)]

mod answers;
mod cart;
mod checkout;
pub mod config;
mod http;
mod order_ends;
mod refusals;
mod requests;
mod store;

use ballet::openapi::Document;
use ballet::{Failure, Tx};
use shop_events::cart::{CartCheckedOut, CartCleared, CartReopened};
use shop_events::catalog::{Product, ProductPriceChanged, ProductPublished, ProductWithdrawn};
use shop_events::orders::{OrderCancelled, OrderConfirmed};

use crate::config::CartSettings;
use crate::http::state::CartsState;

pub use crate::cart::CartStatus;
pub use crate::checkout::CheckoutStatus;

/// The carts of the shop's customers. A checkout starts the saga; nothing waits for what the service does afterwards.
#[derive(Debug)]
pub struct Carts(pub CartSettings);

#[ballet::service(
    "cart",
    migrations = "../../../../migrations/cart",
    publishes(CartCheckedOut, CartReopened, CartCleared),
    copies(Product, fed_by(ProductPublished, ProductPriceChanged, ProductWithdrawn)),
    routes = move |handle| http::api().router(CartsState { handle, unpaid: self.0.unpaid })
)]
impl Carts {
    /// Clears the cart of an order that is paid.
    #[projects]
    async fn clear_cart(tx: &mut Tx<'_>, order: OrderConfirmed) -> Result<(), Failure> {
        order_ends::confirmed(tx, order.order_id).await
    }

    /// Reopens the cart of a cancelled order, or clears it if the customer cancelled.
    #[projects]
    async fn end_checkout(tx: &mut Tx<'_>, order: OrderCancelled) -> Result<(), Failure> {
        order_ends::cancelled(tx, order).await
    }
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
