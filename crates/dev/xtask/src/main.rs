//! The project's own commands: `cargo xtask --help`.

#![allow(clippy::disallowed_methods, reason = "no handler runs here")]

mod bench;
mod cargo;
mod check;
#[cfg(test)]
mod dependencies_tests;
mod flaws;
mod licences;
mod opinion;
mod say;
mod systems;
mod test;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::say::say;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The project's own commands", version)]
struct Args {
    /// The system to try.
    #[arg(long, value_enum, default_value_t = systems::SystemName::Shop)]
    system: systems::SystemName,
    #[command(subcommand)]
    command: Command,
}

/// Options that another program reads: `--help` after the command shows them.
#[derive(Debug, clap::Args)]
struct Passed {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    args: Vec<OsString>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare ballet with hand-written code that does the same: 20 minutes on private servers.
    #[command(disable_help_flag = true)]
    Bench(Passed),
    /// Show a system at work: customers of all kinds, and how it ends for them. `demo rides` shows another system.
    #[command(disable_help_flag = true)]
    Demo(Passed),
    /// Check the invariants of a running system over all its services, databases and queues.
    #[command(disable_help_flag = true)]
    Audit(Passed),
    /// Kill, stop and disconnect everything while customers come, and check that nothing is lost.
    #[command(disable_help_flag = true)]
    Chaos(Passed),
    /// Kill each service while clients come: what still works for them, and does everything catch up?
    #[command(disable_help_flag = true)]
    Degradation(Passed),
    /// Kill a process at every point of every step: does every saga end as it must?
    #[command(disable_help_flag = true)]
    Kills(Passed),
    /// Play schedules that seeds choose, with copies, crashes and lock waits, on real databases: is any rule broken?
    #[command(disable_help_flag = true)]
    Explore(Passed),
    /// Write the broker's definitions and the generated pages.
    #[command(disable_help_flag = true)]
    Generate(Passed),
    /// Write the pages of the repository as a site, after a look where their links lead.
    #[command(disable_help_flag = true)]
    Site(Passed),
    /// Run all tests against one set of servers, which is started if none is named: several test programs at a time.
    /// The run goes on after a failure. `cargo test` runs some of them.
    Test {
        /// Take all cases of the tests that otherwise take a share of them.
        #[arg(long)]
        long: bool,
    },
    /// Make flaws in the declarations and handlers of the three systems, and write what finds them as a page.
    Flaws(flaws::Args),
    /// Let another checker judge the sagas of the three systems, and designs that are broken or nearly so.
    Opinion,
    /// Check the licences of all dependencies against `deny.toml`, offline.
    Licences,
    /// Check all that has to be in order besides the tests: format, licences, generated files, links, lints, features and docs.
    Check,
}

fn main() -> ExitCode {
    run(Args::parse()).unwrap_or_else(|error| {
        say(&format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

fn run(Args { system, command }: Args) -> Result<ExitCode> {
    let (trial, passed) = match command {
        Command::Bench(passed) => return bench::run(&passed.args),
        Command::Generate(passed) => return systems::become_pages("generate", &passed.args),
        Command::Site(passed) => return systems::become_pages("site", &passed.args),
        Command::Test { long } => return test::run(long),
        Command::Flaws(args) => return flaws::run(&args),
        Command::Opinion => return opinion::run(),
        Command::Check => return check::run(),
        Command::Licences => return licences::run(),
        Command::Demo(passed) => ("demo", passed),
        Command::Audit(passed) => ("audit", passed),
        Command::Chaos(passed) => ("chaos", passed),
        Command::Degradation(passed) => ("degradation", passed),
        Command::Kills(passed) => ("kills", passed),
        Command::Explore(passed) => ("explore", passed),
    };
    systems::become_trial(system, trial, &passed.args)
}
