//! A server's own disk, small enough to fill. Only root can have one, on Linux.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result, machine};
use crate::servers::process::SystemUser;

/// Enough for hours of tests, and soon filled.
const SIZE: &str = "2g";
const BALLAST: &str = "ballast";

/// Holds a server's data. The watchdog unmounts it.
#[derive(Debug, Clone)]
pub(crate) struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// The file system is in memory.
    pub(crate) fn mount(path: &Path, user: Option<SystemUser>) -> Result<Self> {
        let what = || format!("mount a small disk at {}", path.display());
        fs::create_dir_all(path).map_err(machine(what()))?;
        let owner = user.map(|SystemUser { uid, gid }| format!(",uid={uid},gid={gid}"));
        let options = format!("size={SIZE},mode=0700{}", owner.unwrap_or_default());
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "ballet"])
            .arg(path)
            .output()
            .map_err(machine(what()))?;
        if !output.status.success() {
            return Err(Error::Server {
                what: what(),
                place: "this machine".to_owned(),
                cause: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
                advice: "only root on Linux may mount a disk",
            });
        }
        Ok(Self { path: path.to_owned() })
    }

    pub(crate) async fn fill(&self) -> Result<()> {
        let disk = self.clone();
        // Takes seconds, on a busy machine a minute.
        let filled = tokio::task::spawn_blocking(move || disk.fill_now()).await;
        filled.map_err(|lost| machine("fill a disk")(lost.into()))?
    }

    fn fill_now(&self) -> Result<()> {
        let path = self.path.join(BALLAST);
        let mut ballast = fs::File::create(&path).map_err(machine("create the ballast"))?;
        let mut portion = vec![1; 1 << 20];
        while !portion.is_empty() {
            if ballast.write_all(&portion).is_err() {
                portion.truncate(portion.len() / 2);
            }
        }
        Ok(())
    }

    /// Returns whether it was filled.
    pub(crate) fn free(&self) -> Result<bool> {
        match fs::remove_file(self.path.join(BALLAST)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            removed => removed.map(|()| true).map_err(machine("remove the ballast")),
        }
    }
}
