//! An archive in a file: a line of JSON for each dead letter.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use serde_json::Value;

use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::json;

/// Writes dead letters to a file. They leave the queue only when the disk has them.
#[derive(Debug)]
pub struct ArchiveFile(BufWriter<File>);

impl ArchiveFile {
    /// Opens a file that only its owner can read, since a body may be confidential. Lines are added at the end.
    ///
    /// # Errors
    ///
    /// If it cannot be written, or another process writes to it.
    pub fn open(file: &Path) -> io::Result<Self> {
        let mut opened = OpenOptions::new().create(true).append(true).mode(0o600).open(file)?;
        if opened.metadata()?.is_file() {
            // Lines of two processes would mix.
            if let Err(TryLockError::WouldBlock) = opened.try_lock() {
                let why =
                    "another process is writing to it: let it end first, or name another file";
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, why));
            }
            if !is_whole(file)? {
                opened.write_all(b"\n")?;
            }
        }
        Ok(Self(BufWriter::new(opened)))
    }

    /// Adds a line. Only [`sync`](Self::sync) makes it durable.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn add(&mut self, line: &Value) -> io::Result<()> {
        writeln!(self.0, "{line}")
    }

    pub(crate) fn store(&mut self, dead_letter: &DeadLetter) -> io::Result<()> {
        self.add(&json::full(dead_letter))
    }

    /// Makes all added lines durable. Dead letters are removed only after this.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn sync(&mut self) -> io::Result<()> {
        self.0.flush()?;
        match self.0.get_ref().sync_data() {
            // A pipe, or /dev/null.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            other => other,
        }
    }
}

/// Whether a file ends with a whole line. A killed writer may have left a broken one.
fn is_whole(file: &Path) -> io::Result<bool> {
    let file = File::open(file)?;
    let Some(last) = file.metadata()?.len().checked_sub(1) else { return Ok(true) };
    let mut end = [0];
    file.read_exact_at(&mut end, last)?;
    Ok(end == *b"\n")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_stands_alone_whoever_writes_to_the_file_or_wrote_before() {
        let name = format!("ballet-lines-{}.jsonl", std::process::id());
        let file = std::env::temp_dir().join(name);
        // The writer was killed amid a line.
        fs::write(&file, "{\"id\":1}\n{\"id\":2,\"bo").expect("written");
        let mut lines = ArchiveFile::open(&file).expect("a file");
        let error = ArchiveFile::open(&file).expect_err("it is written to").to_string();
        assert!(error.contains("another process is writing to it"), "{error}");
        lines.add(&json!({ "id": 2 })).expect("added");
        lines.sync().expect("on the disk");
        drop(lines);
        let mut lines = ArchiveFile::open(&file).expect("it is free");
        lines.add(&json!({ "id": 3 })).expect("added");
        lines.sync().expect("on the disk");
        let text = fs::read_to_string(&file).expect("text");
        let expected = ["{\"id\":1}", "{\"id\":2,\"bo", "{\"id\":2}", "{\"id\":3}"];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        fs::remove_file(&file).expect("removed");
        // Several processes may write to a special file.
        let nothing = Path::new("/dev/null");
        let (one, other) = (ArchiveFile::open(nothing), ArchiveFile::open(nothing));
        assert!(one.is_ok() && other.is_ok());
    }
}
