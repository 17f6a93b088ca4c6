//! Random bytes and names.

use std::fs::File;
use std::io::Read;

use crate::error::{Result, machine};

/// Passwords must not be guessable, and names must not collide.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(machine("read random bytes from /dev/urandom"))?;
    Ok(bytes)
}

/// Returns `2 * N` hexadecimal digits, which need no quoting in URLs, names and SQL.
pub(crate) fn hex<const N: usize>() -> Result<String> {
    Ok(bytes::<N>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}
