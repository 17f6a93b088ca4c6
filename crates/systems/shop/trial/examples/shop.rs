//! The trials of the shop: `cargo xtask demo shop`. As an example it is built from what the tests have built.

use std::process::ExitCode;

fn main() -> ExitCode {
    shop::load::main()
}
