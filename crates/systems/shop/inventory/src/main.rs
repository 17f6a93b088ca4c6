//! The service `inventory`.

use std::process::ExitCode;

use clap::Parser;

/// The shop's stock.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| (args.ballet, inventory::service()))
}
