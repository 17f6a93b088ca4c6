//! What the shop says about itself, so that it can be tried: its services, what its customers do and how
//! often, how that must end, and what must hold between its databases.

#![warn(missing_docs)]

mod carts;
pub mod cases;
mod customers;
mod merchant;
pub mod products;
mod services;
mod slow_carrier;
pub mod stock;
mod trial;

pub use trial::Shop;
