//! The packages of a workspace and their files, as they are on disk.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::house::judge::Package;
use crate::house::read::Sources;
use crate::process::cargo;
use crate::rust_files::rust_files;

/// A package, with the text of all its source files.
pub(super) struct PackageSources {
    pub(super) package: Package,
    pub(super) sources: Sources,
}

/// All packages of the workspace, by name.
pub(super) fn packages() -> Result<Vec<PackageSources>> {
    let (root, metadata) = (cargo::root(), cargo::metadata()?);
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let own = packages.iter().filter(|one| one["source"].is_null());
    let mut all = own.map(|one| package(&root, one)).collect::<Result<Vec<_>>>()?;
    all.sort_by(|a, b| a.package.name.cmp(&b.package.name));
    Ok(all)
}

fn package(root: &Path, package: &Value) -> Result<PackageSources> {
    let name = package["name"].as_str().context("cargo metadata gives a package no name")?;
    let (mut roots, mut without_tests) = (Vec::new(), Vec::new());
    let mut sources = Sources::new();
    for target in package["targets"].as_array().into_iter().flatten() {
        let kinds = target["kind"].as_array().into_iter().flatten();
        let mut kinds = kinds.filter_map(Value::as_str);
        if !kinds.any(|kind| matches!(kind, "lib" | "rlib" | "bin" | "proc-macro")) {
            continue;
        }
        let file = target["src_path"].as_str().context("cargo metadata gives a target no file")?;
        let file = PathBuf::from(file);
        roots.push(relative(root, &file)?);
        if target["test"] == false {
            without_tests.push(relative(root, &file)?);
        }
        if let Some(folder) = file.parent() {
            read_all(root, folder, &mut sources)?;
        }
    }
    let manifest = package["manifest_path"].as_str().context("cargo metadata has no manifest")?;
    let folder = Path::new(manifest).parent().context("a manifest is in no folder")?;
    let tests = folder.join("tests");
    if tests.is_dir() {
        read_all(root, &tests, &mut sources)?;
    }
    let folder = relative(root, folder)?;
    Ok(PackageSources {
        package: Package { name: name.to_owned(), folder, roots, without_tests },
        sources,
    })
}

fn read_all(root: &Path, folder: &Path, sources: &mut Sources) -> Result<()> {
    for path in rust_files(folder)? {
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        sources.insert(relative(root, &path)?, text);
    }
    Ok(())
}

fn relative(root: &Path, file: &Path) -> Result<String> {
    let inside = file
        .strip_prefix(root)
        .with_context(|| format!("{} lies outside of {}", file.display(), root.display()))?;
    Ok(inside.to_string_lossy().into_owned())
}
