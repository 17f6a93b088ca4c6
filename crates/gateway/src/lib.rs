//! The HTTP front door of a system, set up by one config file. The program is `ballet-gateway`; another
//! program, such as the one behind `cargo xtask`, can be the gateway as well.

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

use std::ffi::OsString;
use std::process::ExitCode;

/// Does what `ballet-gateway` does with these arguments, the first of which is the program's name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    program::command::main(arguments)
}
