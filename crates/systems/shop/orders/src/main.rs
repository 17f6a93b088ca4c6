//! The service `orders`.

use std::process::ExitCode;

use clap::Parser;
use orders::config::OrderSettings;

/// The shop's orders.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    orders: OrderSettings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| (args.ballet, orders::service(args.orders)))
}
