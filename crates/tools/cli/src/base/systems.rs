//! The command's system, from its services' contracts.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use ballet::core::System;
use ballet_check::contracts::{Contracts, folders};

use crate::base::exit::{unusable, usage};

static NAMED: OnceLock<PathBuf> = OnceLock::new();
static CONTRACTS: OnceLock<Contracts> = OnceLock::new();

pub(crate) fn name(folder: Option<&Path>) {
    if let Some(folder) = folder {
        NAMED.get_or_init(|| folder.to_owned());
    }
}

/// The contracts of the named folder, or of the one that belongs to the current directory. They are read on first use.
pub(crate) fn contracts() -> Result<&'static Contracts> {
    if let Some(contracts) = CONTRACTS.get() {
        return Ok(contracts);
    }
    let folder = folder(NAMED.get().map(PathBuf::as_path))?;
    let contracts = Contracts::read(&folder).map_err(unusable)?;
    Ok(CONTRACTS.get_or_init(|| contracts))
}

/// All references have to resolve: a body behind a broken one would pass as anything.
pub(crate) fn require_resolved(contracts: &Contracts) -> Result<&Contracts> {
    let first = contracts.unresolved().into_iter().next();
    first.map_or(Ok(contracts), |problem| Err(usage(problem.detail)))
}

/// The named folder of contracts, or the one that belongs to the current directory.
pub(crate) fn folder(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(folder) = named {
        return Ok(folder.to_owned());
    }
    let here = std::env::current_dir().context("there is no current directory")?;
    let found = folders(&here);
    match &found[..] {
        [folder] => Ok(folder.clone()),
        [] => Err(usage(
            "there are no contracts of services here: run it in a system's workspace, or name the \
             folder with --contracts; `ballet contract write SERVICE` writes the first one of a new project",
        )),
        several => {
            let names: Vec<_> = several.iter().map(|folder| folder.display().to_string()).collect();
            Err(usage(format!(
                "there are contracts of several systems: choose one with --contracts: {}",
                names.join(", ")
            )))
        }
    }
}

pub(crate) fn system() -> Result<&'static System> {
    Ok(contracts()?.system())
}

/// The system, if its contracts have been read: a stream is shown and replayed without them.
pub(crate) fn loaded_system() -> Option<&'static System> {
    CONTRACTS.get().map(Contracts::system)
}

pub(crate) fn services_or_all(named: &[String]) -> Result<Vec<String>> {
    if named.is_empty() { services() } else { Ok(named.to_vec()) }
}

pub(crate) fn services() -> Result<Vec<String>> {
    Ok(system()?.parts.iter().map(|part| part.service.to_owned()).collect())
}
