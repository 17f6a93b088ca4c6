//! `ballet-gateway`: the program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ballet_gateway::main()
}
