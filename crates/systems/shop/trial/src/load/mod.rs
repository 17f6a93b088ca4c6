//! The shop as a subject of trials. The measurement of checkouts at a steady rate is here, too.

mod cases;
pub mod checkouts;
mod customer;
mod customers;
mod merchant;
mod open_shop;
mod operations;
mod products;
mod schedules;
pub(crate) mod services;
mod stock;
mod trial;

use std::process::ExitCode;

pub use open_shop::OpenShop;

/// Runs the program of the shop's trials.
#[must_use]
pub fn main() -> ExitCode {
    ballet_trials::main(trial::ShopTrial::default())
}
