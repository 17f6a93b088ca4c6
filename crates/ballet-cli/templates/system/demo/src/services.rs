//! The services as processes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ballet_check::contracts::Contracts;
use ballet_stage::Stage;

/// Builds all programs of the workspace, and returns the directory that they are in.
pub(crate) fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = std::process::Command::new(cargo);
    // What `cargo run` says of this package would reach build scripts, and build all of them again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&name);
        }
    }
    let status = build.args(["build", "--workspace"]).status().context("cannot run cargo")?;
    if !status.success() {
        bail!("the services do not compile; see cargo's output above");
    }
    let own = std::env::current_exe().context("this program has no path")?;
    Ok(own.parent().context("this program is in no directory")?.to_owned())
}

/// Starts the services that have a program here.
pub(crate) async fn start(stage: &mut Stage, contracts: &Contracts, programs: &Path) -> Result<()> {
    for name in contracts.system().parts.iter().map(|part| part.service) {
        let program = programs.join(name);
        if !program.exists() {
            println!("{name} has a contract, and no program here: start it yourself");
            continue;
        }
        stage.start(stage.launch(name, program, [])).await?;
    }
    Ok(())
}
