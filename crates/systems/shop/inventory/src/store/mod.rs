//! The rows of inventory. Whoever changes several rows of `stock` locks them in SKU order first, so that two orders
//! do not deadlock.

pub(crate) mod reservation;
pub(crate) mod stock;
