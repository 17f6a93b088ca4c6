//! The trials of streaming: `cargo xtask demo streaming`. As an example it is built from what the tests have built.

use std::process::ExitCode;

fn main() -> ExitCode {
    streaming::load::main()
}
