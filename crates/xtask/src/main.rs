//! The project's own commands: `cargo xtask --help`.

mod audit;
mod bench;
mod cargo;
mod chaos;
mod children;
mod conformance;
mod demo;
mod generate;
mod licences;
mod serve;
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
    /// Measure ballet beside hand-written code that does the same: 10 minutes on private servers.
    #[command(disable_help_flag = true)]
    Bench {
        /// What to measure, and how; `cargo xtask bench --help` says more.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Show the shop at work: orders of all kinds, and what became of them.
    Demo(demo::Args),
    /// Check what must always hold over all services, databases and the broker of a running shop.
    Audit(audit::Args),
    /// Kill, stop and cut off everything while orders come in, and see whether anything is lost.
    Chaos(chaos::Args),
    /// Write the broker's definitions and the generated pages.
    Generate {
        /// Write nothing; fail if a file differs from what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Run all tests against one set of servers, which is brought up where none is named: several
    /// test programs at a time, also after one has failed.
    Test {
        /// Arguments for `cargo test`, which then runs one program after the other; or `--fail-fast`,
        /// to end with the first program whose tests fail.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Check the licences of everything we are built from against `deny.toml`, offline.
    Licences,
}

fn main() -> ExitCode {
    // One of the processes of a chaos run.
    if let Ok(service) = std::env::var(serve::SERVICE) {
        return serve::run(&service);
    }
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(run()),
        Err(error) => {
            ui::say(&format!("{} the runtime does not start: {error}", ui::bad("error:")));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> ExitCode {
    let done = match Args::parse().command {
        Command::Bench { args } => bench::run(&args).await,
        Command::Demo(args) => demo::run(&args).await,
        Command::Audit(args) => audit::run(&args).await,
        Command::Chaos(args) => chaos::run(&args).await,
        Command::Generate { check } => generate::run(check),
        Command::Test { args } => test::run(&args).await,
        Command::Licences => licences::run(),
    };
    done.unwrap_or_else(|error| {
        ui::say(&format!("{} {error:#}", ui::bad("error:")));
        ExitCode::FAILURE
    })
}
