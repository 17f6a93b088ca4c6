//! Puts the data of servers for tests in memory, if the machine has enough of it.
//!
//! A test makes some ten databases and as many queues, and removes them. On a disk that is thousands of
//! files per test, and takes a fifth of the processor time or more.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, chown, symlink};
use std::path::Path;

use crate::error::{Result, machine};
use crate::random;
use crate::servers::process::SystemUser;

/// A file system in memory that everybody may write to, on Linux.
const MEMORY: &str = "/dev/shm";
/// The bytes that must be free, in the file system and on the machine. All tests of the workspace side by side use a
/// tenth of that at a time.
const ENOUGH: u64 = 8 << 30;

/// Makes `data` a link to a directory in memory that belongs to the server's user. On a machine without enough memory
/// it makes nothing. The watchdog removes the directory.
pub(crate) fn link(data: &Path, user: Option<SystemUser>) -> Result<()> {
    let room = rustix::fs::statvfs(MEMORY).map_or(0, |found| found.f_bavail * found.f_frsize);
    if room < ENOUGH || available() < ENOUGH || data.exists() {
        return Ok(());
    }
    let dir = Path::new(MEMORY).join(format!("ballet-{}", random::hex::<6>()?));
    let failed = || machine(format!("create {}", dir.display()));
    // The link comes first: nothing is left in memory if we are killed in between.
    symlink(&dir, data).map_err(machine(format!("create {}", data.display())))?;
    DirBuilder::new().mode(0o700).create(&dir).map_err(failed())?;
    match user {
        Some(SystemUser { uid, gid }) => chown(&dir, Some(uid), Some(gid)).map_err(failed()),
        None => Ok(()),
    }
}

/// Returns the memory that the machine has available, in bytes.
fn available() -> u64 {
    let found = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = found.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}
