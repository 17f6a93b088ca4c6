//! The program: the service with the settings of every service.

use std::process::ExitCode;

#[derive(Debug, clap::Parser)]
#[command(version, about = "Points for every order.")]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| (args.ballet, loyalty::service()))
}
