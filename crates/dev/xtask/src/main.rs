//! The project's own commands: `cargo xtask --help`.

mod bench;
mod check;
mod generate;
mod joined_services;
mod licences;
mod packages;
mod process;
mod rust_files;
mod servers;
mod site;
mod systems;
mod test;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use ballet_terminal::ui;
use ballet_trials as trials;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The project's own commands", version)]
struct Args {
    /// The system to try.
    #[arg(long, value_enum, default_value_t = systems::SystemName::Shop)]
    system: systems::SystemName,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare ballet with hand-written code that does the same: 20 minutes on private servers.
    #[command(disable_help_flag = true)]
    Bench {
        /// Options of the benchmark, see `cargo xtask bench --help`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Show a system at work: customers of all kinds, and how it ends for them.
    Demo(systems::DemoArgs),
    #[command(flatten)]
    Trial(trials::Command),
    /// Write the broker's definitions and the generated pages.
    Generate {
        /// Write nothing, and fail if a file is out of date.
        #[arg(long)]
        check: bool,
    },
    /// Run all tests against one set of servers, which is started if none is named: several test
    /// programs at a time. The run goes on after a failure.
    Test {
        /// `--long` for all cases of the tests that otherwise take a share of them; or arguments for
        /// `cargo test`, which then runs one program after the other; or `--fail-fast` to stop after
        /// the first test program that fails.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run what depends on the servers on those that BALLET_RABBITMQ_BIN and BALLET_POSTGRES_BIN name,
    /// and write the results into docs/versions.md.
    Servers(servers::Args),
    /// Check all that has to be in order besides the tests: format, licences, generated files,
    /// packages, lints, features and docs.
    Check,
    /// Check the licences of all dependencies against `deny.toml`, offline.
    Licences,
    /// Check that the crates that others can depend on can be published.
    Packages,
    /// Write the pages of the repository as a site, after a look where their links lead.
    Site(site::Args),
}

fn main() -> ExitCode {
    // This process is a service of a trial.
    if let Some(ended) = systems::served() {
        return ended;
    }
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(run()),
        Err(error) => {
            ui::say(&format!("{} cannot start the async runtime: {error}", ui::bad("error:")));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> ExitCode {
    let Args { system, command } = Args::parse();
    let done = match command {
        Command::Bench { args } => Box::pin(bench::run(&args)).await,
        Command::Demo(args) => Box::pin(systems::demo(&args)).await,
        Command::Trial(command) => Box::pin(trials::run(&system.subject(), &command)).await,
        Command::Generate { check } => generate::run(check),
        Command::Test { args } => test::run(&args).await,
        Command::Servers(args) => servers::run(&args).await,
        Command::Check => check::run(),
        Command::Licences => licences::run(),
        Command::Packages => packages::run(),
        Command::Site(args) => site::run(&args),
    };
    done.unwrap_or_else(|error| {
        ui::say(&format!("{} {error:#}", ui::bad("error:")));
        ExitCode::FAILURE
    })
}
