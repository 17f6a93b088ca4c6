//! The trials of the shop: `cargo xtask demo shop`. An example is built with what the tests have built.

use std::process::ExitCode;

fn main() -> ExitCode {
    shop::load::main()
}
