//! The project's own commands: `cargo xtask --help`.

mod cargo;
mod children;
mod demo;
mod generate;
mod licences;
mod spdx;
mod stop;
mod test;
mod ui;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The project's own commands", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the shop at work: orders of all kinds, and what became of them.
    Demo(demo::Args),
    /// Write the broker's definitions and the generated pages.
    Generate {
        /// Write nothing; fail if a file differs from what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Run all tests against one set of servers, which is brought up where none is named.
    Test {
        /// Arguments for `cargo test`, as after `cargo test` itself.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Check the licences of everything we are built from against `deny.toml`, offline.
    Licences,
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Demo(args) => demo::run(&args).await,
        Command::Generate { check } => generate::run(check),
        Command::Test { args } => test::run(&args).await,
        Command::Licences => licences::run(),
    };
    done.unwrap_or_else(|error| {
        ui::say(&format!("{} {error:#}", ui::bad("error:")));
        ExitCode::FAILURE
    })
}
