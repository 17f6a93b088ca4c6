//! What the shop says about itself, so that it can be tried: its services, what its customers do and how
//! often, how that must end, what must hold between its databases, and what a client can do. What only the shop
//! has is here, too: its demo, and checkouts at a steady rate.

#![warn(missing_docs)]

mod carts;
mod cases;
pub mod checkouts;
mod customer;
mod customers;
pub mod demo;
mod merchant;
mod open_shop;
mod operations;
mod products;
mod services;
mod slow_carrier;
mod stock;
mod system;
mod trial;

pub use open_shop::OpenShop;
pub use system::{served, subject};
pub use trial::Shop;
