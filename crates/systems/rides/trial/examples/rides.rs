//! The trials of rides: `cargo xtask demo rides`. An example is built with what the tests have built.

use std::process::ExitCode;

fn main() -> ExitCode {
    rides::load::main()
}
