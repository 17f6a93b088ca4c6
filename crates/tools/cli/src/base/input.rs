//! A command's input: a file, or standard input.

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
