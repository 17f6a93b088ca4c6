//! Files that only this user may read, because they hold passwords and secrets.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes such a file, in place of one that is there.
pub(super) fn write_private(path: &Path, text: &[u8]) -> Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text));
    written.with_context(|| format!("cannot write {}", path.display()))
}
