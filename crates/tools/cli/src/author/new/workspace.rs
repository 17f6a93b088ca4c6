//! The workspace of a new service: its manifest, and its lists of services.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use ballet_check::Contracts;

use crate::author::new::writing;
use crate::base::exit::usage;
use crate::base::ui;

const CONTAINERS: &str = "containers.yaml";
const CONTAINER: &str = include_str!("../../../templates/service/container.yaml");

pub(super) fn root(contracts: &Path) -> Result<&Path> {
    let root = contracts.ancestors().find(|directory| directory.join("Cargo.toml").exists());
    root.ok_or_else(|| {
        usage(format!(
            "{} is not in a workspace: a service that is written elsewhere needs only its contract \
             there",
            contracts.display()
        ))
    })
}

pub(super) fn place(root: &Path, system: &str, name: &str) -> String {
    let beside = format!("crates/systems/{system}");
    let folder = if root.join(&beside).is_dir() { beside } else { "services".to_owned() };
    format!("{folder}/{name}")
}

pub(super) fn lints(root: &Path) -> Result<String> {
    let has_lints = manifest(root)?.contains("[workspace.lints");
    Ok(if has_lints { "\n[lints]\nworkspace = true\n".to_owned() } else { String::new() })
}

pub(super) fn manifest(root: &Path) -> Result<String> {
    let file = root.join("Cargo.toml");
    fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// Adds the crate to the members of the workspace, unless a pattern covers it.
pub(super) fn join(root: &Path, place: &str) -> Result<()> {
    let (file, text) = (root.join("Cargo.toml"), manifest(root)?);
    let pattern = place.rsplit_once('/').map(|(folder, _)| format!("\"{folder}/*\""));
    if pattern.is_some_and(|pattern| text.contains(&pattern)) {
        return Ok(());
    }
    let Some((before, after)) = text.split_once("members = [") else {
        ui::say(&format!("add \"{place}\" to the members in {}", file.display()));
        return Ok(());
    };
    let text = format!("{before}members = [\n    \"{place}\",{after}");
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    ui::print(&format!("added {place} to {}", file.display()));
    Ok(())
}

pub(super) fn enter_trials(root: &Path, place: &str, name: &str) -> Result<()> {
    let dependency = format!("{name} = {{ path = \"../{place}\" }}\n");
    let program = format!("            ServiceProgram::of({name}::service),\n");
    insert(root, "trials/Cargo.toml", "[dependencies]\n", &dependency)?;
    insert(root, "trials/src/main.rs", "adds its service here.\n", &program)
}

pub(super) fn enter_containers(root: &Path, system: &str, name: &str) -> Result<()> {
    let container = CONTAINER.replace("my_service", name).replace("my_system", system);
    let secret = format!("      GATEWAY_SECRET_{name}: {name}-development-secret-of-the-gateway\n");
    insert(root, CONTAINERS, "\n      SERVICES: ", &format!("{name} "))?;
    insert(root, CONTAINERS, "adds its service here.\n", &container)?;
    insert(root, CONTAINERS, "adds its secret here.\n", &secret)
}

/// Adds a line behind a marker, if there is such a file.
pub(super) fn insert(root: &Path, path: &str, marker: &str, line: &str) -> Result<()> {
    let file = root.join(path);
    if !file.exists() {
        return Ok(());
    }
    let text = fs::read_to_string(&file);
    let text = text.with_context(|| format!("cannot read {}", file.display()))?;
    let Some((before, after)) = text.split_once(marker) else {
        ui::say(&format!("add {} to {}", line.trim(), file.display()));
        return Ok(());
    };
    fs::write(&file, format!("{before}{marker}{line}{after}"))
        .with_context(|| format!("cannot write {}", file.display()))
}

/// Only in a workspace with the definitions that `ballet new gateway` writes.
pub(super) fn define(root: &Path, contracts: &Path) -> Result<()> {
    let definitions = writing::definitions(Contracts::read(contracts)?.system());
    let file = root.join(&definitions.path);
    let made_here =
        fs::read_to_string(&file).is_ok_and(|text| text.contains("`ballet topology definitions`"));
    if made_here {
        fs::write(&file, definitions.text)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
