//! The service `payments`.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use payments::config::PaymentSettings;

/// The shop's payments.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    payments: PaymentSettings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| {
        let provider = args.payments.provider.provider(&args.ballet);
        let chosen = provider.and_then(|provider| Ok((provider, args.payments.webhooks()?)));
        match chosen {
            Ok((provider, webhooks)) => (args.ballet, payments::service_with(provider, webhooks)),
            Err(wrong) => Args::command().error(ErrorKind::ValueValidation, wrong).exit(),
        }
    })
}
