//! The service `shipping`.

use std::process::ExitCode;

use clap::Parser;
use shipping::config::CarrierSettings;

/// The shop's shipping.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    carrier: CarrierSettings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| (args.ballet, shipping::service(args.carrier.carrier())))
}
