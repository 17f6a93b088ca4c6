//! What the shop says about itself, so that it can be tried: its services, what its customers do and how
//! often, how that must end, and what must hold between its databases. What only the shop has is here, too:
//! its demo, what works while a service is down, and checkouts at a steady rate.

#![warn(missing_docs)]

mod carts;
mod cases;
pub mod checkouts;
mod customer;
mod customers;
pub mod degradation;
pub mod demo;
mod gateway;
mod merchant;
mod open_shop;
mod products;
mod services;
mod slow_carrier;
mod stock;
mod system;
mod trial;

pub use open_shop::OpenShop;
pub use system::{served, subject};
pub use trial::Shop;
