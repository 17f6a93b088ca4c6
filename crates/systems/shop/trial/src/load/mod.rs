//! The shop as a subject of trials.

mod cases;
mod customers;
mod merchant;
mod operations;
mod products;
mod schedules;
pub(crate) mod services;
mod trial;

use std::process::ExitCode;

/// Runs the program of the shop's trials.
#[must_use]
pub fn main() -> ExitCode {
    ballet_trials::main(trial::ShopTrial::default())
}
