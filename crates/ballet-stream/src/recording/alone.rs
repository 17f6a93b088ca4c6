//! One process at a time writes to a file.

use std::fs::{File, TryLockError};
use std::io::{Error, ErrorKind, Result};

/// Makes sure that no other process writes to a file, for as long as it is open. Where files cannot be locked, nobody can
/// tell.
///
/// # Errors
///
/// Another one that asks for the same writes to it.
pub fn alone(file: &File) -> Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let why = "another process is writing to it: let it end first, or name another file";
            Err(Error::new(ErrorKind::ResourceBusy, why))
        }
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}
