//! The service `recommendations`.

use std::process::ExitCode;

use clap::Parser;

/// What is bought with what, and what is popular.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| (args.ballet, recommendations::service()))
}
