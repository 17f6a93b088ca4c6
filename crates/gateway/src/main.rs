//! `ballet-gateway`: the HTTP front door of a system, set up by one config file.

use std::process::ExitCode;

fn main() -> ExitCode {
    gateway::main(std::env::args_os())
}
