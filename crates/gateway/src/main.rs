//! `ballet-gateway`: the HTTP front door of a system, set up by one config file.

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

fn main() -> ExitCode {
    program::command::main()
}
