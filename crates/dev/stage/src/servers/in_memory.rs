//! Puts the data of test servers in memory, if there is enough.
//!
//! A test makes and removes some ten databases and as many queues. On a disk that is thousands of files, and a fifth of
//! the processor time or more.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, chown, symlink};
use std::path::Path;

use crate::error::{Result, machine};
use crate::random;
use crate::servers::process::SystemUser;

/// On Linux everybody may write there.
const MEMORY: &str = "/dev/shm";
/// The bytes that must be free there and on the machine. The workspace's tests use a tenth of that at a time.
const ENOUGH: u64 = 8 << 30;

/// Links `data` to a directory in memory of the server's user, if the machine has enough memory. The watchdog removes
/// the directory.
pub(crate) fn link(data: &Path, user: Option<SystemUser>) -> Result<()> {
    let room = rustix::fs::statvfs(MEMORY).map_or(0, |found| found.f_bavail * found.f_frsize);
    if room < ENOUGH || available() < ENOUGH || data.exists() {
        return Ok(());
    }
    let dir = Path::new(MEMORY).join(format!("ballet-{}", random::hex::<6>()?));
    let failed = || machine(format!("create {}", dir.display()));
    // The link comes first, so a kill in between leaves nothing in memory.
    symlink(&dir, data).map_err(machine(format!("create {}", data.display())))?;
    DirBuilder::new().mode(0o700).create(&dir).map_err(failed())?;
    match user {
        Some(SystemUser { uid, gid }) => chown(&dir, Some(uid), Some(gid)).map_err(failed()),
        None => Ok(()),
    }
}

/// In bytes.
fn available() -> u64 {
    let found = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = found.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}
