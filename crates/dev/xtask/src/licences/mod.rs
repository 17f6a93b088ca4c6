//! `cargo xtask licences`: checks the licences of all dependencies against `deny.toml`, offline.

mod spdx;

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::process::cargo;
use ballet_terminal::ui;

/// The part of `deny.toml` that we read.
#[derive(Debug, Deserialize)]
struct Deny {
    licenses: Licenses,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

pub(crate) fn run() -> Result<ExitCode> {
    let file = cargo::root().join("deny.toml");
    let text = std::fs::read_to_string(&file).context("cannot read deny.toml")?;
    let deny: Deny = toml::from_str(&text).context("cannot parse deny.toml")?;
    let metadata = cargo::metadata()?;
    let used = used(&metadata);
    let wrong: Vec<_> =
        used.iter().filter_map(|package| complaint(package, &deny.licenses.allow)).collect();
    for line in &wrong {
        ui::say(&format!("{} {line}", ui::bad("error:")));
    }
    if !wrong.is_empty() {
        ui::say("replace the crate, or add the licence to `licenses.allow` in deny.toml");
        return Ok(ExitCode::FAILURE);
    }
    ui::print(&format!(
        "the licences of all {} dependencies are allowed by deny.toml; security advisories need \
         the network: `cargo deny check advisories`",
        used.len()
    ));
    Ok(ExitCode::SUCCESS)
}

/// The foreign packages that are compiled on this machine.
fn used(metadata: &Value) -> Vec<&Value> {
    let nodes = metadata["resolve"]["nodes"].as_array().into_iter().flatten();
    let built: Vec<&Value> = nodes.map(|node| &node["id"]).collect();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .filter(|package| !package["source"].is_null() && built.contains(&&package["id"]))
        .collect()
}

fn complaint(package: &Value, allowed: &[String]) -> Option<String> {
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    let name = format!("{} {}", text("name"), text("version"));
    let Some(licence) = package["license"].as_str() else {
        return Some(format!("{name} names no licence"));
    };
    match spdx::is_met(licence, allowed) {
        Some(true) => None,
        Some(false) => Some(format!("{name} is under {licence:?}, which is not allowed")),
        None => Some(format!("{name} has the licence {licence:?}, which cannot be parsed")),
    }
}
