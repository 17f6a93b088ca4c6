//! The shop of a demo, from the programs that cargo built.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ballet::core::System;
use ballet_stage::{Servers, Stage};

use crate::open_shop::OpenShop;
use crate::system::SERVICES;
use ballet_terminal::ui;
use ballet_trials::{ConfiguredProgram, GATEWAY, run_dir};

/// The gateway's package, and its program.
const GATEWAY_PROGRAM: &str = "ballet-gateway";

/// Returns the packages with the programs of a shop, with these services besides its own.
#[must_use]
pub fn packages(joined: &[&'static str]) -> Vec<&'static str> {
    [&SERVICES[..], joined, &[GATEWAY_PROGRAM]].concat()
}

/// Opens the shop on these servers. `system` has its own services and those that have joined it; `kind` is the kind
/// of run, for the name of its log directory.
///
/// # Errors
///
/// Returns an error if a program is missing, or does not start.
pub async fn open(
    root: &Path,
    kind: &'static str,
    programs: &HashMap<String, PathBuf>,
    system: &System,
    servers: Servers,
) -> Result<OpenShop> {
    let logs = run_dir(programs.values().next().map(PathBuf::as_path), kind, system.name)?;
    ui::say("applying the broker's topology and creating the databases");
    // The others run elsewhere, or not at all.
    let runs = |name: &str| SERVICES.contains(&name) || programs.contains_key(name);
    let names = system.parts.iter().map(|part| part.service).filter(|name| runs(name));
    let names: Vec<_> = names.collect();
    let stage = Stage::of(system).only(runs).on(servers, logs).await?;
    let program = |name: &str| {
        let program = if name == GATEWAY { GATEWAY_PROGRAM } else { name };
        let path = programs.get(program).with_context(|| format!("cargo built no {name}"))?;
        Ok(ConfiguredProgram { path: path.clone(), env: Vec::new() })
    };
    let shop = Box::pin(OpenShop::open(root, stage, &names, program)).await?;
    ui::say(&format!("{} and the gateway are ready", names.join(", ")));
    // `cargo xtask audit` reads this file.
    shop.endpoints().write(shop.logs())?;
    Ok(shop)
}
