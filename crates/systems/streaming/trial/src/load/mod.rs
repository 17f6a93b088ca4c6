//! Streaming as the subject of trials: its services, the scenarios of its viewers, their expected ends, and the audit
//! of its databases.

mod cases;
mod client;
mod operations;
pub(crate) mod services;
mod trial;
mod viewers;
mod watcher;

use std::process::ExitCode;

/// Runs the program of the trials of streaming.
#[must_use]
pub fn main() -> ExitCode {
    ballet_trials::main(trial::Streaming::default())
}
