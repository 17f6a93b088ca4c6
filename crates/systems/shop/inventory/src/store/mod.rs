//! The rows of inventory. Code that changes several rows of `stock` locks them in SKU order first, so that two
//! orders with the same SKUs wait for each other and do not deadlock.

pub(crate) mod reservation;
pub(crate) mod stock;
