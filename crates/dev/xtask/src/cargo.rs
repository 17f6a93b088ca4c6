//! Runs cargo: metadata, builds, and paths of programs.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The workspace for which cargo runs this program, else that of the current directory. It may not be the one of the
/// build.
pub(crate) fn root() -> PathBuf {
    let of_cargo = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let current = std::env::current_dir().ok();
    let built = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut starts = [of_cargo, current].into_iter().flatten();
    let found = starts.find_map(|start| workspace(&start));
    let root = found.unwrap_or_else(|| built.join("../../.."));
    root.canonicalize().unwrap_or(root)
}

/// The nearest directory above `start` that holds this package.
fn workspace(start: &Path) -> Option<PathBuf> {
    let holds_us = |directory: &&Path| directory.join("crates/dev/xtask/Cargo.toml").exists();
    start.ancestors().find(holds_us).map(Path::to_owned)
}

pub(crate) fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Removes the variables that `cargo run` and `cargo test` set for this package. Build scripts watch them, so a cargo
/// with them would rebuild everything after those.
pub(crate) fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

/// The variables that `.cargo/config.toml` sets for the programs that cargo runs.
pub(crate) fn configured() -> Result<Vec<(String, String)>> {
    let file = root().join(".cargo/config.toml");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let config: Value =
        toml::from_str(&text).with_context(|| format!("cannot read {}", file.display()))?;
    let value = |of: &Value| match of["relative"].as_bool() {
        Some(true) => Some(root().join(of["value"].as_str()?).display().to_string()),
        _ => of.as_str().or(of["value"].as_str()).map(str::to_owned),
    };
    let env = config["env"].as_object().into_iter().flatten();
    Ok(env.filter_map(|(name, of)| Some((name.clone(), value(of)?))).collect())
}

/// `None` outside a checkout.
pub(crate) fn commit() -> Option<String> {
    let mut git = Command::new("git");
    let output = git.args(["rev-parse", "HEAD"]).current_dir(root()).output().ok()?;
    String::from_utf8(output.stdout).ok().filter(|_| output.status.success())
}

pub(crate) fn metadata() -> Result<Value> {
    let host = host()?;
    let output = Command::new(program())
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &host])
        .current_dir(root())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("cannot read the output of cargo metadata")
}

pub(crate) fn build(args: &[String]) -> Result<HashMap<String, PathBuf>> {
    let Some(messages) = messages(args)? else {
        bail!("it does not compile; see cargo's output above");
    };
    let program = |message: &Value| {
        let name = message["target"]["name"].as_str()?;
        Some((name.to_owned(), PathBuf::from(message["executable"].as_str()?)))
    };
    Ok(messages.iter().filter_map(program).collect())
}

/// Runs a build of cargo, with its progress on the terminal, and returns its messages. `None` if it failed; cargo has
/// then printed why.
pub(crate) fn messages(args: &[String]) -> Result<Option<Vec<Value>>> {
    let mut cargo = Command::new(program());
    cargo.args(args).arg("--message-format=json-render-diagnostics").current_dir(root());
    let (status, messages) = said(cargo.stderr(Stdio::inherit()))?;
    Ok(status.success().then_some(messages))
}

pub(crate) fn said(cargo: &mut Command) -> Result<(ExitStatus, Vec<Value>)> {
    clean(cargo);
    let output = cargo.output().context("cannot run cargo")?;
    let lines = String::from_utf8_lossy(&output.stdout);
    let messages = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ok((output.status, messages))
}

pub(crate) fn target() -> Result<PathBuf> {
    let metadata = metadata()?;
    metadata["target_directory"]
        .as_str()
        .map(PathBuf::from)
        .context("cargo names no target directory")
}

fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().context("cannot run rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc -vV does not name its host")
}
