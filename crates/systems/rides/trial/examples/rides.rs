//! The trials of rides: `cargo xtask demo rides`. An example is built with what the tests have built.

use std::process::ExitCode;

use rides::Rides;

fn main() -> ExitCode {
    ballet_trials::main(Rides::default())
}
