//! Streaming as the subject of trials.

mod cases;
mod client;
mod operations;
mod schedules;
pub(crate) mod services;
mod trial;
mod viewers;

use std::process::ExitCode;

/// Runs the program of the trials of streaming.
#[must_use]
pub fn main() -> ExitCode {
    ballet_trials::main(trial::Streaming::default())
}
