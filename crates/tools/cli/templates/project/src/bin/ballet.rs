//! `cargo ballet`: the command, of the same version as the services.

use std::process::ExitCode;

fn main() -> ExitCode {
    ballet_cli::main()
}
