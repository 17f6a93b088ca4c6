//! Lets other checkers judge the sagas of the three systems, and the changed designs of ballet-check's tests.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::cargo;

/// Each is a crate, its version, its program, and the test's variable for that.
const CHECKERS: [[&str; 4]; 2] =
    [["tla-checker", "0.6.1", "tla", "TLA"], ["snappea", "0.2.0", "snappea-compat", "SNAPPEA"]];

pub(crate) fn run() -> Result<ExitCode> {
    let folder = cargo::target()?.join("opinion");
    let program = |name: &str| folder.join("bin").join(name);
    for [name, version, bin, _] in CHECKERS {
        let mut install = Command::new(cargo::program());
        install.args(["install", name, "--version", version, "--locked", "--bin", bin, "--root"]);
        if !succeeds(install.arg(&folder))? {
            return Ok(ExitCode::FAILURE);
        }
    }
    let mut test = Command::new(cargo::program());
    let args = ["test", "--locked", "-p", "ballet-check", "--lib", "other_checkers"];
    test.args(args).args(["--", "--ignored", "--nocapture"]);
    for [_, _, bin, variable] in CHECKERS {
        test.env(variable, program(bin));
    }
    Ok(if succeeds(&mut test)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn succeeds(command: &mut Command) -> Result<bool> {
    cargo::clean(command);
    let status = command.current_dir(cargo::root()).status().context("cannot run cargo")?;
    Ok(status.success())
}
