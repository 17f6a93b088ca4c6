//! `cargo xtask bench`: builds the benchmark with all optimisations, and runs it, then measures the whole shop.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cargo;

const BENCH: &str = "bench";
/// Measures orders through the gateway.
const CHECKOUTS: &str = "checkouts";
const GATEWAY: &str = "ballet-gateway";
const SHOP: &str = "crates/systems/shop";
const QUICK: &str = "10";

pub(crate) fn run(args: &[OsString]) -> Result<ExitCode> {
    let has = |wanted: &[&str]| args.iter().any(|arg| wanted.iter().any(|one| arg == one));
    let with_shop = has(&["gateway", "--all"]) && !has(&["-h", "--help"]);
    let mut build = ["build", "--release", "-p", BENCH].map(str::to_owned).to_vec();
    if with_shop {
        let metadata = cargo::metadata()?;
        let packages = programs_of_shop(&metadata).chain([GATEWAY]);
        build.extend(packages.flat_map(|package| ["-p", package]).map(str::to_owned));
    }
    let programs = cargo::build(&build)?;
    let program = |name: &str| {
        let file = programs.get(name).with_context(|| format!("cargo built no {name}"))?;
        let mut program = Command::new(file);
        program.current_dir(cargo::root());
        anyhow::Ok(program)
    };
    let code = status(program(BENCH)?.args(args))?;
    // 3: a target was missed. That says nothing about the next part.
    if !with_shop || !matches!(code, 0 | 3) {
        return Ok(ExitCode::from(code));
    }
    let mut checkouts = program(CHECKOUTS)?;
    if has(&["--quick"]) {
        checkouts.args(["--seconds", QUICK]);
    }
    let measured = status(&mut checkouts)?;
    Ok(ExitCode::from(if measured == 0 { code } else { measured }))
}

fn programs_of_shop(metadata: &Value) -> impl Iterator<Item = &str> {
    let folder = cargo::root().join(SHOP);
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages.filter_map(move |package| {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        let mut targets = package["targets"].as_array()?.iter();
        let has_program = targets.any(|target| target["kind"][0] == "bin");
        (manifest.starts_with(&folder) && has_program).then(|| package["name"].as_str())?
    })
}

fn status(command: &mut Command) -> Result<u8> {
    let status = command.status().context("cannot run a program of the benchmark")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
