//! The system that the command works on, from the contracts of its services.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use ballet::core::System;
use ballet_check::contracts::{Contracts, folders};

use crate::base::exit::usage;

static CONTRACTS: OnceLock<Contracts> = OnceLock::new();

/// Reads the contracts of this folder, or of the one that belongs to the current directory.
pub(crate) fn read(named: Option<&Path>) -> Result<&'static Contracts> {
    let contracts = Contracts::read(&folder(named)?);
    let contracts =
        contracts.map_err(|error| usage(format!("{:#}", anyhow::Error::from(error))))?;
    Ok(CONTRACTS.get_or_init(|| contracts))
}

/// This folder of contracts, or the one that belongs to the current directory.
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
             folder with --contracts",
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

/// The system whose contracts were read.
pub(crate) fn systems() -> Vec<System> {
    CONTRACTS.get().map(|contracts| contracts.system().clone()).into_iter().collect()
}

/// The contracts that were read.
pub(crate) fn contracts() -> Result<&'static Contracts> {
    CONTRACTS.get().context("no contracts were read")
}

/// The services that an option names, or all of them.
pub(crate) fn services_or_all(named: &[String]) -> Vec<String> {
    if named.is_empty() { services() } else { named.to_vec() }
}

/// The names of all services of these systems.
pub(crate) fn services() -> Vec<String> {
    let parts = systems().into_iter().flat_map(|system| system.parts);
    parts.map(|part| part.service.to_owned()).collect()
}
