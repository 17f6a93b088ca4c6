//! The service `analytics`.

use std::process::ExitCode;

use clap::Parser;

/// Streaming's analytics.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| (args.ballet, analytics::service()))
}
