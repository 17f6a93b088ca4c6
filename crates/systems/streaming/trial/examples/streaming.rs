//! The trials of streaming: `cargo xtask demo streaming`. An example is built with what the tests have built.

use std::process::ExitCode;

fn main() -> ExitCode {
    streaming::load::main()
}
