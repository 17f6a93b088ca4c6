//! Inventory: what is there of each SKU. Every piece that was ever received is on hand, held for
//! an order, or committed (sold); the table itself forbids anything else.

#![warn(missing_docs)]

pub mod steps;
mod store;

use ballet::Participant;
use shop_events::OrderFulfillment;
use shop_events::inventory::StockReceived;

use crate::steps::{CommitStock, ReserveStock};

/// Everything that inventory does in a saga, and what it tells besides.
#[must_use]
pub fn participant() -> Participant {
    Participant::new("inventory")
        .saga::<OrderFulfillment>(|saga| saga.compensatable(ReserveStock).retriable(CommitStock))
        .publishes::<StockReceived>()
}
