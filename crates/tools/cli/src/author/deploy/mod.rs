//! `ballet deploy`: files that run a system elsewhere, from its contracts.

mod gateway;
mod manifests;
mod overlays;
mod service_template;
mod settings;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Subcommand;

use crate::author::deploy::settings::Settings;
use crate::author::new::writing::{self, NewFile};
use crate::base::exit::ExitStatus;
use crate::base::systems::system;
use crate::base::ui;

const EXAMPLES: &str = "\
Examples:
  ballet deploy kubernetes
  kubectl apply --server-side -k deploy/kubernetes/overlays/staging

The first run writes overlay.toml, for you to change; each run writes all else in the folder anew.";

const SETTINGS: &str = "overlay.toml";
const STARTER: &str = include_str!("../../../templates/kubernetes/overlay.toml");
/// The first words of each file that the next run may replace or remove.
const MARK: &str = "# Written by `ballet deploy kubernetes`";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write manifests of the whole system for Kubernetes, as a base and overlays of kustomize
    #[command(after_help = EXAMPLES)]
    Kubernetes(Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder of the manifests
    #[arg(long, value_name = "DIR", default_value = "deploy/kubernetes")]
    folder: PathBuf,
}

pub(crate) fn run(command: &Command) -> Result<ExitStatus> {
    let Command::Kubernetes(Args { folder }) = command;
    let system = system()?;
    let file = folder.join(SETTINGS);
    if !file.exists() {
        let starter = manifests::names(system).file(SETTINGS, STARTER);
        writing::write(folder, &[starter])?;
    }
    let settings = Settings::read(&file, system)?;
    let mut files = manifests::files(system, &settings);
    files.extend(gateway::files(system, &settings, folder)?);
    let resources: Vec<&str> =
        files.iter().filter_map(|file| file.path.strip_prefix("base/")).collect();
    let base = overlays::base(&resources);
    files.push(base);
    files.extend(overlays::files(system, &settings));
    for file in &mut files {
        // JSON has no comments, and a script begins with its interpreter.
        if file.path.ends_with(".yaml") {
            file.text.insert_str(0, &format!("{MARK}; do not edit. Change {SETTINGS}.\n"));
        }
    }
    remove_old(&folder.join("base"), &files)?;
    writing::replace(folder, &files)?;
    Ok(ExitStatus::All)
}

/// What an earlier run has written of services that are gone.
fn remove_old(base: &Path, files: &[NewFile]) -> Result<()> {
    let Ok(found) = fs::read_dir(base) else { return Ok(()) };
    for entry in found {
        let entry = entry.with_context(|| format!("cannot read {}", base.display()))?;
        let path = Path::new("base").join(entry.file_name());
        let is_ours = fs::read_to_string(entry.path()).is_ok_and(|text| text.starts_with(MARK));
        if is_ours && !files.iter().any(|file| Path::new(&file.path) == path) {
            let file = entry.path();
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
            ui::print(&format!("removed {}", file.display()));
        }
    }
    Ok(())
}

/// Each line of a text that is put into another.
fn indented(text: &str, by: usize) -> String {
    let margin = " ".repeat(by);
    let line =
        |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{margin}{line}\n") };
    text.lines().map(line).collect()
}
