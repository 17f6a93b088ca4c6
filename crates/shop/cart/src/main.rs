//! The service `cart`.

use std::process::ExitCode;

use clap::Parser;

/// The carts of the shop's customers.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| (args.ballet, cart::service()))
}
