//! The service `catalog`.

use std::process::ExitCode;

use clap::Parser;

/// The products that the shop sells.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| (args.ballet, catalog::service()))
}
