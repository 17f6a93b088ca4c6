//! The service `shipping`.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
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
    ballet::main(|args: Args| {
        let carrier = args.carrier.carrier();
        let chosen = carrier.and_then(|carrier| Ok((carrier, args.carrier.webhooks()?)));
        match chosen {
            Ok((carrier, webhooks)) => (args.ballet, shipping::service_with(carrier, webhooks)),
            Err(wrong) => Args::command().error(ErrorKind::ValueValidation, wrong).exit(),
        }
    })
}
