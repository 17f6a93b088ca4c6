//! Texts that a subcommand reads from files.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use ballet::Clock;

use crate::base::input::write_privately;

/// The files of one call. They are removed with this.
#[derive(Debug, Default)]
pub(super) struct TextFiles(Vec<PathBuf>);

impl TextFiles {
    /// Writes a text to a file that only its owner can read, and returns the path.
    pub(super) fn write(&mut self, text: &str) -> Result<String> {
        let clock = Clock::system();
        let name = format!("ballet-mcp-{}", clock.new_id(clock.now()));
        let file = std::env::temp_dir().join(name);
        write_privately(&file, text)?;
        self.0.push(file.clone());
        file.into_os_string().into_string().ok().context("the temporary folder is not UTF-8")
    }
}

impl Drop for TextFiles {
    fn drop(&mut self) {
        for file in &self.0 {
            // A file that stays does no harm.
            std::fs::remove_file(file).ok();
        }
    }
}
