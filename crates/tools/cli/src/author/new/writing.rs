//! Writes files from templates, which compile with names such as `my_service`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use ballet::core::System;
use ballet_check::definitions;

use crate::base::cargo::cargo;
use crate::base::exit::usage;
use crate::base::ui;

#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

const DEFINITIONS: &str = "broker/definitions.json";

pub(super) fn definitions(system: &System) -> NewFile {
    let text = definitions::text(system, "ballet topology definitions");
    NewFile { path: DEFINITIONS.to_owned(), text }
}

#[derive(Debug)]
pub(crate) struct Replacements(pub(crate) Vec<(&'static str, String)>);

impl Replacements {
    pub(crate) fn file(&self, path: &str, template: &str) -> NewFile {
        NewFile { path: self.fill(path), text: self.fill(template) }
    }

    pub(crate) fn fill(&self, template: &str) -> String {
        let fill = |text: String, (name, word): &(&str, String)| text.replace(name, word);
        self.0.iter().fold(template.to_owned(), fill)
    }
}

/// None, if one of them exists.
pub(crate) fn write(root: &Path, files: &[NewFile]) -> Result<()> {
    let exists = |file: &&NewFile| root.join(&file.path).exists();
    if let Some(file) = files.iter().find(exists) {
        let path = root.join(&file.path);
        return Err(usage(format!("{} exists already: nothing was written", path.display())));
    }
    replace(root, files)?;
    format(root, files);
    Ok(())
}

/// Writes the files that are not there yet as they are to be.
pub(crate) fn replace(root: &Path, files: &[NewFile]) -> Result<()> {
    for NewFile { path, text } in files {
        let file = root.join(path);
        if fs::read(&file).is_ok_and(|old| old == text.as_bytes()) {
            continue;
        }
        let folder = file.parent().unwrap_or(root);
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        if text.starts_with("#!") {
            let all_may_run = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&file, all_may_run)
                .with_context(|| format!("cannot make {} a program", file.display()))?;
        }
        ui::print(&format!("wrote {}", file.display()));
    }
    Ok(())
}

/// Names differ in length from the templates'. Without rustfmt the files stay.
fn format(root: &Path, files: &[NewFile]) {
    let rust = files.iter().map(|file| root.join(&file.path));
    let rust = rust.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--edition", "2024"]).args(rust).stdin(Stdio::null());
    rustfmt.stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
}

/// Makes `Cargo.lock` fit, so that `--locked` builds. Without cargo the first build does this.
pub(super) fn lock(root: &Path) {
    if !root.join("Cargo.lock").exists() {
        return;
    }
    let mut cargo = cargo();
    cargo.args(["update", "--workspace", "--offline"]).current_dir(root).stdin(Stdio::null());
    cargo.stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
}
