//! The service `riders`.

use std::process::ExitCode;

use clap::Parser;

/// The riders of rides.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| (args.ballet, riders::service()))
}
