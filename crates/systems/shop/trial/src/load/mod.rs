//! The shop as a subject of trials: its services, its customers' orders with their shares and expected ends, the
//! invariants between its databases, and the operations of a client. The measurement of checkouts at a steady rate is
//! here, too.

mod cases;
pub mod checkouts;
mod customer;
mod customers;
mod merchant;
mod open_shop;
mod operations;
mod products;
mod services;
mod slow_carrier;
mod stock;
mod trial;

use std::sync::Arc;

use ballet_trials::Subject;

use crate::load::trial::ShopTrial;

pub use open_shop::OpenShop;

/// Returns the shop as the subject of trials.
#[must_use]
pub fn subject() -> Arc<Subject> {
    Subject::new(ShopTrial::default())
}
