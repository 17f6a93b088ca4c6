//! Rides as the subject of trials.

mod cases;
mod client;
mod customers;
mod operations;
mod schedules;
pub(crate) mod services;
mod town;
mod trial;

use std::process::ExitCode;

/// Runs the program of the trials of rides.
#[must_use]
pub fn main() -> ExitCode {
    ballet_trials::main(trial::Rides::default())
}
