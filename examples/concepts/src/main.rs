//! The program of the example [`settings`].

use std::process::ExitCode;

use concepts::settings::{self, FoyerSettings};

#[derive(Debug, clap::Parser)]
#[command(name = "foyer", version, about = "Greets guests, and says when the foyer is full.")]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    foyer: FoyerSettings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| (args.ballet, settings::service(args.foyer)))
}
