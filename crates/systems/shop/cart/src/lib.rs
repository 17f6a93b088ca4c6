//! Cart: the goods that customers want to buy, at the prices that they were shown, and the checkouts. A checkout is
//! decided once, under the lock of the cart's row, against the service's copy of the products. The order has these
//! prices.

#![warn(missing_docs)]

mod answers;
mod cart;
mod checkout;
pub mod config;
mod http;
mod projections;
mod refusals;
mod requests;
mod store;

use ballet::{Migration, Participant, Service, migrations};
use ballet_openapi::Document;
use shop_events::cart::{CartCheckedOut, CartCleared, CartReopened};
use shop_events::catalog::{Product, ProductPriceChanged, ProductPublished, ProductWithdrawn};

use crate::config::CartSettings;
use crate::http::state::CartsState;
use crate::projections::{ClearCart, EndCheckout};

pub use crate::cart::CartStatus;
pub use crate::checkout::CheckoutStatus;

/// Returns the participant. Its checkouts start the saga; it takes no other part in it, and nothing waits for what
/// it does afterwards.
#[must_use]
pub fn participant() -> Participant {
    Participant::new("cart")
        .publishes::<CartCheckedOut>()
        .publishes::<CartReopened>()
        .publishes::<CartCleared>()
        .projects(ClearCart)
        .projects(EndCheckout)
        .copies::<Product>(|copy| {
            copy.fed_by::<ProductPublished>()
                .fed_by::<ProductPriceChanged>()
                .fed_by::<ProductWithdrawn>()
        })
}

/// The service's tables.
const MIGRATIONS: &[Migration] = migrations! {
    in "../../../../../migrations/cart",
    "0001_cart",
    "0002_by_customer",
};

/// Returns the service: its participant, its tables, its HTTP routes.
#[must_use]
pub fn service(settings: CartSettings) -> Service {
    let CartSettings { unpaid } = settings;
    Service::new(participant())
        .migrations(MIGRATIONS)
        .routes(move |handle| http::api().router(CartsState { handle, unpaid }))
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
