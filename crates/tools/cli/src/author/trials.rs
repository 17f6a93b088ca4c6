//! `ballet chaos` and its like: a trial with the program of the system's workspace.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::base::cargo::cargo;
use crate::base::exit::{ExitStatus, usage};

const ALIAS: &str = "trials";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Options of the trial, see its `--help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Returns only with an error.
pub(crate) fn run(trial: &str, args: &Args) -> Result<ExitStatus> {
    if !are_here()? {
        return Err(usage(format!(
            "there are no trials here: {trial} is `cargo {ALIAS} {trial}`, an alias that the \
             `.cargo/config.toml` of a system's workspace has"
        )));
    }
    become_trial(trial, &args.args)
}

pub(crate) fn are_here() -> Result<bool> {
    let here = std::env::current_dir().context("there is no current directory")?;
    Ok(here.ancestors().any(has_alias))
}

/// Returns only with an error.
pub(crate) fn become_trial(trial: &str, args: &[OsString]) -> Result<ExitStatus> {
    let mut cargo = cargo();
    cargo.arg(ALIAS).arg(trial).args(args);
    // So signals reach the program, and its exit code becomes ours.
    Err(cargo.exec()).context("cannot run cargo")
}

fn has_alias(folder: &Path) -> bool {
    let config = std::fs::read_to_string(folder.join(".cargo/config.toml"));
    config.is_ok_and(|text| text.lines().any(|line| line.starts_with(&format!("{ALIAS} ="))))
}
