//! The steps of inventory in the saga `order_fulfillment`.

mod commit_stock;
mod reserve_stock;

pub use commit_stock::CommitStock;
pub use reserve_stock::ReserveStock;
