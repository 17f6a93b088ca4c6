//! Runs cargo: its metadata, its builds, and the paths of the built programs.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use ballet_stage::{Children, cargo_variables};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

/// The directory of the workspace that cargo runs this program for, else of the one around the current directory. It
/// may differ from the one in which this program was built.
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

/// The cargo that runs this program.
pub(crate) fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Removes the variables that `cargo run` sets for this package.
pub(crate) fn clean(command: &mut Command) {
    for name in cargo_variables() {
        command.env_remove(name);
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

/// The commit that is checked out. `None` outside a checkout.
pub(crate) fn commit() -> Option<String> {
    let mut git = Command::new("git");
    let output = git.args(["rev-parse", "HEAD"]).current_dir(root()).output().ok()?;
    String::from_utf8(output.stdout).ok().filter(|_| output.status.success())
}

/// The output of `cargo metadata` for this machine's dependencies.
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

/// Builds programs with all optimisations, with cargo's own progress on the terminal, and returns their paths.
pub(crate) async fn build_release(
    children: &Children,
    packages: &[&str],
) -> Result<HashMap<String, PathBuf>> {
    let chosen = packages.iter().flat_map(|package| ["-p", package]);
    let args = ["build", "--release", "--message-format=json-render-diagnostics"];
    let args: Vec<String> = args.into_iter().chain(chosen).map(str::to_owned).collect();
    let Some(messages) = messages(children, &args).await? else {
        bail!("{} do not compile; see cargo's output above", packages.join(", "));
    };
    let mut built = HashMap::new();
    for message in messages {
        let name = message["target"]["name"].as_str();
        if let Some((name, file)) = name.zip(message["executable"].as_str()) {
            built.insert(name.to_owned(), PathBuf::from(file));
        }
    }
    Ok(built)
}

/// Runs cargo, with its progress on the terminal, and returns its messages. `None` if it failed; cargo has then printed
/// why.
pub(crate) async fn messages(children: &Children, args: &[String]) -> Result<Option<Vec<Value>>> {
    let mut cargo = children
        .start(program(), args, |command| {
            command.current_dir(root()).stdout(Stdio::piped());
            clean(command.as_std_mut());
        })
        .await?;
    let mut messages = Vec::new();
    let output = cargo.stdout().context("cargo has no output")?;
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await.context("cannot read the output of cargo")? {
        messages.extend(serde_json::from_str::<Value>(&line));
    }
    Ok(cargo.wait().await?.success().then_some(messages))
}

/// The directory that cargo builds in.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Each package with its features, as cargo builds it for these arguments.
    fn features(arguments: &[&str]) -> BTreeSet<String> {
        let mut cargo = Command::new(program());
        cargo.args(["tree", "--locked", "--prefix", "none", "--format", "{p}|{f}"]).args(arguments);
        clean(&mut cargo);
        let output = cargo.current_dir(root()).output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).replace(" (*)", "");
        text.lines().filter(|line| line.contains('|')).map(str::to_owned).collect()
    }

    #[test]
    fn what_the_tests_have_built_serves_the_commands() {
        let tests = features(&["--workspace", "--edges", "normal,build,dev"]);
        let xtask = features(&["--package", "xtask", "--edges", "normal,build"]);
        let others: Vec<&String> = xtask.difference(&tests).collect();
        assert!(
            others.is_empty(),
            "with more features in crates/dev/xtask/Cargo.toml: {others:#?}"
        );
        assert!(xtask.len() > 100, "{xtask:#?}");
    }

    #[test]
    fn a_copied_checkout_is_its_own_workspace() {
        let copy = std::env::temp_dir().join(format!("ballet-copy-{}", std::process::id()));
        let package = copy.join("crates/dev/xtask");
        std::fs::create_dir_all(package.join("src")).expect("a directory");
        std::fs::write(package.join("Cargo.toml"), "").expect("written");
        assert_eq!(workspace(&package.join("src")), Some(copy.clone()));
        std::fs::remove_dir_all(&copy).expect("removed");
        assert_eq!(workspace(&std::env::temp_dir()), None);
    }
}
