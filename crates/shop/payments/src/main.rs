//! The service `payments`.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
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
        let chosen = provider.and_then(|provider| Ok((provider, args.provider.webhooks()?)));
        match chosen {
            Ok((provider, webhooks)) => (args.ballet, payments::service_with(provider, webhooks)),
            Err(wrong) => Args::command().error(ErrorKind::ValueValidation, wrong).exit(),
        }
    })
}
