//! Lets another checker judge the sagas of the three systems, and the changed designs of ballet-check's tests.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::cargo;

const CHECKER: [&str; 3] = ["tla-checker", "--version", "0.6.1"];

pub(crate) fn run() -> Result<ExitCode> {
    let folder = cargo::target()?.join("opinion");
    let mut install = Command::new(cargo::program());
    install.arg("install").args(CHECKER).args(["--locked", "--bin", "tla", "--root"]).arg(&folder);
    let mut test = Command::new(cargo::program());
    let args = ["test", "--locked", "-p", "ballet-check", "--lib", "another_checker"];
    test.args(args).args(["--", "--ignored", "--nocapture"]);
    test.env("TLA", folder.join("bin/tla"));
    for mut command in [install, test] {
        cargo::clean(&mut command);
        let status = command.current_dir(cargo::root()).status().context("cannot run cargo")?;
        if !status.success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
