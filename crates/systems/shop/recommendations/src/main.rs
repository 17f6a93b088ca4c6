//! The service `recommendations`.

use std::process::ExitCode;

use clap::Parser;

/// Products that are bought together, and popular ones.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| (args.ballet, recommendations::service()))
}
