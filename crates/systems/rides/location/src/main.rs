//! The service `location`.

use std::process::ExitCode;

use clap::Parser;
use location::config::LocationSettings;

/// The positions of drivers, and their reservations for rides.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    location: LocationSettings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| (args.ballet, location::service(args.location)))
}
