//! Programs that know systems: their trials, and the pages. Each is an example of its package, built with all tests'
//! features, so the tests' builds serve here.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::cargo;

/// The program of the generated files and of the site.
const PAGES: &str = "pages";

/// The profile with which a demo is built: `test` where the tests have been.
const DEMO_PROFILE: &str = "BALLET_DEMO_PROFILE";

/// A system, by its name. The program of its trials has the same.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SystemName {
    Shop,
    Streaming,
    Rides,
}

impl SystemName {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Streaming => "streaming",
            Self::Rides => "rides",
        }
    }
}

/// A first argument that names a system takes precedence. Returns only with an error.
pub(crate) fn become_trial(system: SystemName, trial: &str, args: &[OsString]) -> Result<ExitCode> {
    let first = args.first().and_then(|first| first.to_str());
    let named = first.and_then(|first| SystemName::from_str(first, false).ok());
    let args = if named.is_some() { &args[1..] } else { args };
    become_program(named.unwrap_or(system).as_str(), trial, args)
}

/// Returns only with an error.
pub(crate) fn become_pages(command: &str, args: &[OsString]) -> Result<ExitCode> {
    become_program(PAGES, command, args)
}

pub(crate) fn run_pages(command: &str, args: &[&str]) -> Result<bool> {
    let mut program = program(&example(PAGES, command)?, command);
    Ok(program.args(args).status().context("cannot run the program")?.success())
}

fn become_program(name: &str, command: &str, args: &[impl AsRef<OsStr>]) -> Result<ExitCode> {
    // So signals reach the program, and its exit code becomes ours.
    Err(program(&example(name, command)?, command).args(args).exec())
        .context("cannot run the program")
}

fn program(file: &Path, command: &str) -> Command {
    let mut program = Command::new(file);
    program.arg(command);
    program
}

/// Built as the tests are. A demo may be a newcomer's first build, which is quicker without optimisation.
fn example(name: &str, command: &str) -> Result<PathBuf> {
    let of_demo = std::env::var(DEMO_PROFILE).unwrap_or_else(|_unset| "dev".to_owned());
    let profile: &str = if command == "demo" { &of_demo } else { "test" };
    let args = ["build", "--workspace", "--profile", profile, "--example", name];
    let mut built = cargo::build(&args.map(str::to_owned))?;
    built.remove(name).with_context(|| format!("cargo built no {name}"))
}
