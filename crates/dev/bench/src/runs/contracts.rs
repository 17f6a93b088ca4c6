//! `saga4`'s contracts as files for a console.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::contestants::handlers;
use crate::saga4::contract::SERVICES;

pub(crate) fn write(out: &Path) -> Result<PathBuf> {
    let folder = out.join("saga4");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for participant in SERVICES.iter().filter_map(|service| handlers::participant(service)) {
        let contract = participant.contract();
        let file = folder.join(format!("{}.json", contract.service()));
        let text = serde_json::to_vec_pretty(&contract).context("cannot write a contract")?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(folder)
}
