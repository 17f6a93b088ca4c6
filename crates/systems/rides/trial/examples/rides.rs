//! The trials of rides: `cargo xtask demo rides`. As an example it is built from what the tests have built.

use std::process::ExitCode;

fn main() -> ExitCode {
    rides::load::main()
}
