//! The trials of streaming: `cargo xtask demo streaming`. An example is built with what the tests have built.

use std::process::ExitCode;

use streaming::Streaming;

fn main() -> ExitCode {
    ballet_trials::main(Streaming::default())
}
