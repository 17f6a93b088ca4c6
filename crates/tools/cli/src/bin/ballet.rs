//! The program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ballet_cli::main()
}
