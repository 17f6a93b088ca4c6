//! The service `cart`.

use std::process::ExitCode;

use cart::config::CartSettings;
use clap::Parser;

/// The carts of the shop's customers.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    cart: CartSettings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| (args.ballet, cart::service(args.cart)))
}
