//! The service `dispatch`.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use common::cards::ProviderSettings;
use dispatch::config::DispatchSettings;

/// The dispatch of rides.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    dispatch: DispatchSettings,
    #[command(flatten)]
    provider: ProviderSettings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| match args.provider.provider(&args.ballet) {
        Ok(provider) => (args.ballet, dispatch::service(args.dispatch, provider)),
        Err(wrong) => Args::command().error(ErrorKind::ValueValidation, wrong).exit(),
    })
}
