//! `cargo xtask packages`: checks that the crates for others can be published. Cargo packs each crate. Files that the
//! code includes have to be in its package: whoever builds it has no others.

use std::path::{Component, Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo;
use crate::say::{print, say};

pub(crate) fn run() -> Result<ExitCode> {
    let metadata = cargo::metadata()?;
    let published = published(&metadata);
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in &published {
        names.extend(["-p", name]);
    }
    // The build of the workspace has already verified the code.
    let packing = ["--no-verify", "--offline", "--allow-dirty", "--quiet"];
    cargo_package(&[&names[..], &packing].concat())?;
    let mut missing = Vec::new();
    for (name, dir) in published.iter().copied() {
        let listed = cargo_package(&["-p", name, "--list", "--allow-dirty", "--quiet"])?;
        let files: Vec<&str> = listed.lines().collect();
        for file in files.iter().filter(|file| file.ends_with(".rs")) {
            let place = dir.join(file);
            let text = std::fs::read_to_string(&place)
                .with_context(|| format!("cannot read {}", place.display()))?;
            for path in not_packed(&text, file, &files) {
                missing.push((name, (*file).to_owned(), path));
            }
        }
    }
    for (name, file, path) in &missing {
        say(&format!("error: {file} of {name} includes {path}, which is not in its package"));
    }
    if !missing.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    print(&format!("{} crates can be published", published.len()));
    Ok(ExitCode::SUCCESS)
}

/// The crates that may be published, each with its directory.
fn published(metadata: &Value) -> Vec<(&str, &Path)> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let ours =
        packages.filter(|package| package["source"].is_null() && package["publish"].is_null());
    let found = ours.filter_map(|package| {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        Some((package["name"].as_str()?, manifest.parent()?))
    });
    found.collect()
}

fn cargo_package(args: &[&str]) -> Result<String> {
    let mut command = Command::new(cargo::program());
    command.arg("package").args(args).current_dir(cargo::root());
    cargo::clean(&mut command);
    let output = command.output().context("cannot run cargo")?;
    if !output.status.success() {
        bail!("cargo package failed:\n{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).context("cargo says what is no text")
}

/// The files that a source file includes and its package lacks. For a path that a macro completes, the directory has to
/// be there.
fn not_packed(text: &str, file: &str, files: &[&str]) -> Vec<String> {
    let dir = Path::new(file).parent().unwrap_or(Path::new(""));
    let included = ["include_str!(", "include_bytes!("].into_iter().flat_map(|call| {
        text.split(call).skip(1).filter_map(|rest| {
            let rest = rest.trim_start();
            let rest = rest.strip_prefix("concat!(").unwrap_or(rest).trim_start();
            rest.strip_prefix('"')?.split('"').next()
        })
    });
    let missing = included.filter(|path| {
        let place = resolve_parents(&dir.join(path));
        let is_packed = |packed: &&str| {
            Path::new(packed) == place
                || (path.ends_with('/') && Path::new(packed).starts_with(&place))
        };
        !files.iter().any(is_packed)
    });
    missing.map(str::to_owned).collect()
}

/// The path with every `..` resolved, except those that lead out of the package.
fn resolve_parents(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part != Component::ParentDir || !plain.pop() {
            plain.push(part);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_included_has_to_be_in_the_package() {
        let files = ["src/new/system.rs", "templates/one.toml", "migrations/0001_one.sql"];
        let missing = |text: &str| not_packed(text, files[0], &files);
        assert!(missing(r#"include_str!("../../templates/one.toml")"#).is_empty());
        assert!(missing(r#"include_str!(concat!("../../migrations/", $name, ".sql"))"#).is_empty());
        let outside = r#"a(include_str!( "../../../../broker/conf"), include_bytes!("b.png"))"#;
        assert_eq!(missing(outside), ["../../../../broker/conf", "b.png"]);
    }
}
