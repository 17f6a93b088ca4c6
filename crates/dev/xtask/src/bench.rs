//! `cargo xtask bench`: builds the benchmark with all optimisations, and runs it.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::cargo;

const BENCH: &str = "bench";

pub(crate) fn run(args: &[OsString]) -> Result<ExitCode> {
    let build = ["build", "--release", "-p", BENCH].map(str::to_owned);
    let programs = cargo::build(&build)?;
    let bench = programs.get(BENCH).with_context(|| format!("cargo built no {BENCH}"))?;
    let status = Command::new(bench).args(args).current_dir(cargo::root()).status();
    let status = status.context("cannot run the benchmark")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}
