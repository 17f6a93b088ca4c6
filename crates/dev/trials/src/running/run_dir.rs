//! The directory of a run, which holds its logs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Creates a directory for this run of a system, in the program's target directory.
///
/// # Errors
///
/// If it cannot be created.
pub fn run_dir(program: Option<&Path>, kind: &str, system: &str) -> Result<PathBuf> {
    let target = program.and_then(target).map(Path::to_owned);
    let base = target.unwrap_or_else(|| PathBuf::from("target")).join(kind).join(system);
    let dir = base.join(std::process::id().to_string());
    // An earlier run with the same process id may have left it.
    fs::remove_dir_all(&dir).ok();
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    Ok(dir)
}

/// `target` for `target/debug/trials` and `target/debug/examples/shop`.
pub(crate) fn target(program: &Path) -> Option<&Path> {
    let folder = program.parent()?;
    if folder.ends_with("examples") { folder.parent()?.parent() } else { folder.parent() }
}
