//! The service `payments`.

use std::process::ExitCode;

use clap::Parser;
use payments::config::ProviderSettings;

/// The shop's payments.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    provider: ProviderSettings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| {
        let provider = args.provider.provider(&args.ballet);
        (args.ballet, payments::service(provider))
    })
}
