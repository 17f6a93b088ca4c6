//! The file with the addresses of a demo, for a user's shell.

use std::fmt;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ballet_stage::{write_exports, write_private};

use crate::processes::gateway::Gateway;

/// The file's name in the directory of a run, and beside the directories of the system's runs.
const ENV: &str = "env";
/// Variables that not every demo sets, perhaps left from another system's demo.
const FIRST: &str = "unset BALLET_CONTRACTS BALLET_DATABASE_URL\n";
/// In such a shell curl shows no progress, and ends its output with a new line.
const CURL: &str = "silent\nshow-error\nwrite-out = \"\\n\"\n";

/// Its path is the same for all demos of a system, and leads to the last one's.
#[derive(Debug)]
pub(crate) struct DemoShell {
    file: PathBuf,
    link: PathBuf,
}

impl DemoShell {
    /// Besides these variables the file has the demo's process in `DEMO`, the gateway's address in `GATEWAY`, and a
    /// program that makes tokens in `TOKEN`. With `contracts` the command reads those.
    pub(crate) fn write(
        dir: &Path,
        gateway: Option<&Gateway>,
        contracts: Option<&Path>,
        mut variables: Vec<(String, String)>,
    ) -> Result<Self> {
        let path = |path: &Path| path.display().to_string();
        let (file, token, link) = (dir.join(ENV), dir.join("token"), dir.with_file_name(ENV));
        let own = [
            ("DEMO", Some(std::process::id().to_string())),
            ("GATEWAY", gateway.map(|gateway| gateway.url.clone())),
            ("TOKEN", gateway.map(|_| path(&token))),
            ("JSON", Some("Content-Type: application/json".to_owned())),
            ("CURL_HOME", Some(path(dir))),
            ("BALLET_CONTRACTS", contracts.map(path)),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        variables.extend(own);
        write_exports(&file, FIRST, &variables)?;
        if let Some(gateway) = gateway {
            write_private(&token, gateway.token_script().as_bytes())?;
        }
        let written = || {
            if gateway.is_some() {
                fs::set_permissions(&token, Permissions::from_mode(0o700))?;
            }
            fs::write(dir.join(".curlrc"), CURL)?;
            // An earlier demo's link.
            fs::remove_file(&link).ok();
            symlink(&file, &link)
        };
        written().with_context(|| format!("cannot write to {}", dir.display()))?;
        Ok(Self { file, link })
    }
}

impl Drop for DemoShell {
    fn drop(&mut self) {
        if fs::read_link(&self.link).is_ok_and(|file| file == self.file) {
            fs::remove_file(&self.link).ok();
        }
    }
}

impl fmt::Display for DemoShell {
    /// Relative if it is below the working directory.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let here = std::env::current_dir().unwrap_or_default();
        self.link.strip_prefix(&here).unwrap_or(&self.link).display().fmt(f)
    }
}
