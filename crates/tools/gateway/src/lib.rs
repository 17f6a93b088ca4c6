//! The HTTP front door of a system, set up by one config file. It is mostly the program `ballet-gateway`.

#![warn(missing_docs)]

mod auth;
mod config;
mod door;
mod gate;
mod http;
mod idempotency;
mod limits;
mod openapi;
mod program;
mod store;
mod upstream;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// Runs the program `ballet-gateway`. The first argument is its name, and wrong arguments end the process.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    program::command::main(arguments)
}

/// Returns the OpenAPI document of the system with this config file. `documents` are the services', by their upstreams'
/// names.
///
/// # Errors
///
/// The config's mistake, or the target of a route or page that no document has.
pub fn document<'a>(
    config: &Path,
    documents: impl IntoIterator<Item = (&'a str, String)>,
) -> Result<String, String> {
    program::openapi::assemble_from(config, documents)
}
