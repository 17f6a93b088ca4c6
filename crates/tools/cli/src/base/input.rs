//! The input of a command: a file, or standard input; and files for other programs.

use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::base::exit::usage;

/// `-` is standard input.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read(file).map_err(|error| usage(format!("cannot read {}: {error}", file.display())))
}

/// Writes a file that only its owner can read, because a body may be confidential.
pub(crate) fn write_privately(file: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut opened = opened.with_context(|| format!("cannot create {}", file.display()))?;
    opened.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", file.display()))
}
