//! The command line.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::auth::key_source;
use crate::auth::signer::Signer;
use crate::config::read::read;
use crate::openapi::assemble;
use crate::program::{api_key, keys, openapi, run, token};

/// The HTTP front door of a system of services.
#[derive(Debug, Parser)]
#[command(name = "ballet-gateway", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves by a config file. SIGHUP reads it again, SIGTERM stops.
    Run {
        file: PathBuf,
        #[command(flatten)]
        addresses: run::Addresses,
        /// Levels of the log: `info`, or a list like `info,access=off`.
        #[arg(long, env = "LOG", default_value = "info")]
        log: String,
    },
    /// Checks a config file, and names the first mistake.
    Check { file: PathBuf },
    /// Prints the OpenAPI document of the whole system.
    Openapi { file: PathBuf },
    /// Makes a key set for development.
    Keys(keys::Arguments),
    /// Makes a token for development.
    Token(token::Arguments),
    /// Makes an API key, and the lines for the config file.
    ApiKey(api_key::Arguments),
}

pub(crate) fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let done = match Arguments::parse_from(arguments).command {
        Command::Run { file, addresses, log } => {
            run::main(&file, addresses, &log).map(|()| String::new())
        }
        Command::Check { file } => check(&file),
        Command::Openapi { file } => openapi::make(&file),
        Command::Keys(arguments) => keys::make(&arguments),
        Command::Token(arguments) => token::make(&arguments),
        Command::ApiKey(arguments) => api_key::make(&arguments),
    };
    match done {
        Ok(text) => match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(why) => {
            let _nobody_reads = writeln!(std::io::stderr(), "error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Checks what a start checks, and the services' documents.
fn check(file: &Path) -> Result<String, String> {
    let config = read(file)?;
    key_source::check(&config, file)?;
    for upstream in &config.upstreams {
        Signer::new(config.signing.as_ref(), file, &upstream.name)?;
    }
    assemble::of(&config, file)?;
    Ok(format!("{}: in order\n", file.display()))
}
