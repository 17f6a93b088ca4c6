//! `cargo xtask licences`: checks dependencies' licences against `deny.toml`, offline.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cargo;
use crate::say::{print, say};

pub(crate) fn run() -> Result<ExitCode> {
    let file = cargo::root().join("deny.toml");
    let text = std::fs::read_to_string(&file).context("cannot read deny.toml")?;
    let deny: Value = toml::from_str(&text).context("cannot parse deny.toml")?;
    let allowed = deny["licenses"]["allow"].as_array().context("deny.toml allows no licences")?;
    let allowed: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
    let metadata = cargo::metadata()?;
    let used = used(&metadata);
    let wrong: Vec<_> = used.iter().filter_map(|package| complaint(package, &allowed)).collect();
    for line in &wrong {
        say(&format!("error: {line}"));
    }
    if !wrong.is_empty() {
        say("replace the crate, or add the licence to `licenses.allow` in deny.toml");
        return Ok(ExitCode::FAILURE);
    }
    print(&format!(
        "the licences of all {} dependencies are allowed by deny.toml; security advisories need \
         the network: `cargo deny check advisories`",
        used.len()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Compiled on this machine.
fn used(metadata: &Value) -> Vec<&Value> {
    let nodes = metadata["resolve"]["nodes"].as_array().into_iter().flatten();
    let built: Vec<&Value> = nodes.map(|node| &node["id"]).collect();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .filter(|package| !package["source"].is_null() && built.contains(&&package["id"]))
        .collect()
}

fn complaint(package: &Value, allowed: &[&str]) -> Option<String> {
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    let name = format!("{} {}", text("name"), text("version"));
    let Some(licence) = package["license"].as_str() else {
        return Some(format!("{name} names no licence"));
    };
    let is_met = is_met(licence, allowed);
    (!is_met).then(|| format!("{name} is under {licence:?}, which is not allowed"))
}

/// Whether an expression such as `MIT OR (Apache-2.0 AND ISC)` is met. `AND` is taken to bind weaker than `OR`, which
/// only asks for more.
fn is_met(expression: &str, allowed: &[&str]) -> bool {
    // `/` is an old spelling of `OR`.
    let expression = expression.replace('/', " OR ").replace(['(', ')'], "");
    let any = |all: &str| all.split(" OR ").any(|one| allowed.contains(&one.trim()));
    expression.split(" AND ").all(any)
}
