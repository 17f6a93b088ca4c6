//! The HTTP front door of a system of services, set up by one config file. Almost everybody uses it
//! as the program `ballet-gateway`.

#![warn(missing_docs)]

mod auth;
mod config;
mod door;
mod gate;
mod http;
mod idempotency;
mod limits;
mod program;
mod store;
mod upstream;

use std::process::ExitCode;

/// The program `ballet-gateway`, with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    program::command::main()
}
