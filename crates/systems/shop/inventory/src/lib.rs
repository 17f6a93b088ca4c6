//! Inventory: the stock of each SKU. Every piece that was ever received is on hand, held for an order, or committed
//! (sold). Constraints of the table ensure this.

#![warn(missing_docs)]

mod http;
pub mod steps;
mod store;

use ballet::{Migration, Participant, Service, migrations};
use ballet_openapi::Document;
use shop_events::OrderFulfillment;
use shop_events::inventory::StockReceived;

use crate::steps::{CommitStock, ReserveStock};

pub use crate::store::reservation::ReservationState;

/// Returns the participant: the steps of inventory, and the events that it publishes besides.
#[must_use]
pub fn participant() -> Participant {
    Participant::new("inventory")
        .saga::<OrderFulfillment>(|saga| saga.compensatable(ReserveStock).retriable(CommitStock))
        .publishes::<StockReceived>()
}

/// The service's tables.
const MIGRATIONS: &[Migration] = migrations! {
    in "../../../../../migrations/inventory",
    "0001_stock",
};

/// Returns the service: its participant, its tables, its HTTP routes.
#[must_use]
pub fn service() -> Service {
    Service::new(participant()).migrations(MIGRATIONS).routes(|handle| http::api().router(handle))
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
