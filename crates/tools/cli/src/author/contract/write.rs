//! `ballet contract write`: writes a service's contract, whole or not at all.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, bail};
use ballet::core::ServiceContract;
use ballet_check::contracts::folders;

use crate::base::cargo::cargo;
use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::{systems, ui};

pub(super) const EXAMPLES: &str = "\
Examples:
  ballet contract write pantry                      # built and asked: cargo run --package pantry
  ballet contract write pantry desk
  ballet contract write -- target/release/pantry    # a program that is built already

The file is replaced when the program has printed a whole contract. If it does not build, the file stays as it
was.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The services' packages in this workspace
    #[arg(value_name = "SERVICE", required_unless_present = "program", conflicts_with = "program")]
    packages: Vec<String>,
    /// A program that prints its contract with --print-contract
    #[arg(last = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

pub(super) fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let folder = folder(options.contracts.as_deref())?;
    if let [program, arguments @ ..] = &args.program[..] {
        let mut command = Command::new(program);
        command.args(arguments);
        write(&folder, &program.to_string_lossy(), command)?;
    }
    for package in &args.packages {
        let mut command = cargo();
        // Not quiet: cargo may wait for another one's lock, and says so.
        command.args(["run", "--package", package, "--"]);
        write(&folder, package, command)?;
    }
    Ok(ExitStatus::All)
}

/// A new project's system is called as its directory.
fn folder(named: Option<&Path>) -> Result<PathBuf> {
    let here = std::env::current_dir().context("there is no current directory")?;
    let is_workspace = |place: &&Path| {
        fs::read_to_string(place.join("Cargo.toml")).is_ok_and(|text| text.contains("[workspace]"))
    };
    let project = here.ancestors().find(is_workspace).filter(|_| folders(&here).is_empty());
    match (named, project.and_then(|root| Some((root, root.file_name()?)))) {
        (None, Some((root, name))) => Ok(root.join("contracts").join(name)),
        _ => systems::folder(named),
    }
}

/// Writes the contract that a program prints.
fn write(folder: &Path, name: &str, mut program: Command) -> Result<()> {
    program.arg("--print-contract").stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = program.output();
    let output = output.with_context(|| format!("cannot run {name}: no contract was written"))?;
    if !output.status.success() {
        bail!("{name} did not print its contract ({}): no contract was written", output.status);
    }
    let contract = ServiceContract::read(&output.stdout).map_err(|why| {
        anyhow!(
            "what {name} prints with --print-contract is not a contract, so none was written: {why}"
        )
    })?;
    let usable = contract.part().map(|_| ());
    usable.with_context(|| format!("no contract was written: that of {name} cannot be used"))?;
    let file = folder.join(format!("{}.json", contract.service()));
    if fs::read(&file).is_ok_and(|old| old == output.stdout) {
        ui::print(&format!("{} is up to date", file.display()));
        return Ok(());
    }
    replace(&file, &output.stdout).with_context(|| format!("cannot write {}", file.display()))?;
    ui::print(&format!("wrote {}", file.display()));
    Ok(())
}

/// A reader finds the old file or the new one, also after a crash.
fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = file.with_extension(format!("json.{}", std::process::id()));
    // The first contract of a system makes the folder.
    let written = fs::create_dir_all(file.parent().unwrap_or(file))
        .and_then(|()| fs::File::create(&beside))
        .and_then(|mut new| new.write_all(bytes).and_then(|()| new.sync_all()))
        .and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        fs::remove_file(&beside).ok();
    }
    written
}
