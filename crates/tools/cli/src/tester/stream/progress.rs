//! A replay's progress, in a file beside the recording, for `--resume`.

use std::fs::{File, rename};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::base::exit::usage;

/// Another replay goes on from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReplayProgress {
    /// The broker's address and virtual host.
    pub(crate) to: String,
    /// They decide what is sent.
    pub(crate) selection: String,
    #[serde(default)]
    pub(crate) keys: String,
    pub(crate) sent: u64,
    /// The rest gets matching new ids.
    pub(crate) later: i64,
    pub(crate) run: Uuid,
}

#[derive(Debug)]
pub(crate) struct ProgressFile(PathBuf);

impl ProgressFile {
    pub(crate) fn of(recording: &Path) -> Self {
        let mut path = recording.as_os_str().to_owned();
        path.push(".replay");
        Self(path.into())
    }

    pub(crate) fn read(&self) -> Result<Option<ReplayProgress>> {
        let context = || format!("cannot read {}", self.0.display());
        match std::fs::read(&self.0) {
            Ok(text) => serde_json::from_slice(&text).map(Some).with_context(context),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(context),
        }
    }

    pub(crate) fn resumed(&self, to: &str, selection: &str, keys: &str) -> Result<ReplayProgress> {
        let Some(before) = self.read()? else {
            return Err(usage(format!(
                "there is nothing to resume: {} does not exist",
                self.0.display()
            )));
        };
        if before.to != to || before.selection != selection {
            let options = match &*before.selection {
                "" => "none",
                options => options,
            };
            return Err(usage(format!(
                "{} is of a replay to {} with other options: {options}. Give the same with --resume, \
                 or remove the file to begin anew",
                self.0.display(),
                before.to
            )));
        }
        if before.keys != keys {
            return Err(usage(format!(
                "{} is of a replay by other contracts, so the rest would get other new ids. Give the \
                 same with --resume, or remove the file to begin anew",
                self.0.display()
            )));
        }
        Ok(before)
    }

    /// A new replay must not begin.
    pub(crate) fn refuse_interrupted(&self) -> Result<()> {
        let Some(before) = self.read()? else { return Ok(()) };
        Err(usage(format!(
            "a replay was interrupted after {}: go on with --resume, or remove {} to send all again",
            crate::base::ui::counted(before.sent, "event"),
            self.0.display()
        )))
    }

    pub(crate) fn write(&self, progress: &ReplayProgress) -> Result<()> {
        let mut new = self.0.as_os_str().to_owned();
        new.push(".new");
        let new = PathBuf::from(new);
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(&serde_json::to_vec(progress)?)?;
            rename(&new, &self.0)
        });
        written.with_context(|| format!("cannot write {}", self.0.display()))
    }

    pub(crate) fn remove(&self) {
        // If the file stays, the next replay asks about it.
        std::fs::remove_file(&self.0).ok();
    }
}
