//! A lock on a file for one writing process at a time.

use std::fs::{File, TryLockError};
use std::io::{Error, ErrorKind, Result};

/// Locks a file against other writers while it is open. On file systems without locks it does nothing.
///
/// # Errors
///
/// If another process has locked it.
pub fn lock_file(file: &File) -> Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let why = "another process is writing to it: let it end first, or name another file";
            Err(Error::new(ErrorKind::ResourceBusy, why))
        }
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}
