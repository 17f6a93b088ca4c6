//! An archive in a file: a line of JSON for each dead letter.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::Value;

use crate::redrive::archive::Archive;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::json;

/// Writes dead letters to a file. They are removed from the queue only when the disk has them.
#[derive(Debug)]
pub struct Lines(BufWriter<File>);

impl Lines {
    /// Opens a file that only its owner can read, because a body may be confidential. Lines are added to what is there.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn open(file: &Path) -> io::Result<Self> {
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(file)?;
        Ok(Self(BufWriter::new(opened)))
    }

    /// Adds a line. Only [`sync`](Archive::sync) makes it durable.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn add(&mut self, line: &Value) -> io::Result<()> {
        writeln!(self.0, "{line}")
    }
}

impl Archive for Lines {
    fn store(&mut self, dead_letter: &DeadLetter) -> io::Result<()> {
        self.add(&json::full(dead_letter))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.flush()?;
        match self.0.get_ref().sync_data() {
            // A pipe, or /dev/null.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            other => other,
        }
    }
}
