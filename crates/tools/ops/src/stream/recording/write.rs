//! Writes a recording. What is written is usable if the process dies.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::stream::record::Record;
use crate::stream::recording::error::RecordingError;
use crate::stream::recording::header::RecordingHeader;
use crate::stream::recording::line::write_line;

/// Writes records to a file.
pub struct RecordingWriter {
    path: PathBuf,
    to: RecordingFile,
    line: Vec<u8>,
    written: u64,
    last: Option<u64>,
}

enum RecordingFile {
    Plain(BufWriter<File>),
    Packed(GzEncoder<BufWriter<File>>),
}

impl RecordingFile {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(file) => file,
            Self::Packed(file) => file,
        }
    }

    fn finish(self) -> io::Result<()> {
        let file = match self {
            Self::Plain(file) => file,
            Self::Packed(file) => file.finish()?,
        };
        file.into_inner()?.sync_all()
    }
}

impl RecordingWriter {
    /// Creates a file, which must not exist. It is packed if its name ends with `.gz`. Only its owner can read it,
    /// because bodies may be confidential.
    ///
    /// # Errors
    ///
    /// If the file exists or cannot be written.
    pub fn create(path: &Path, header: &RecordingHeader) -> Result<Self, RecordingError> {
        let file_error = |error| file_error(path, &error);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = BufWriter::new(file.map_err(file_error)?);
        let is_packed = path.extension().is_some_and(|name| name.eq_ignore_ascii_case("gz"));
        let to = match is_packed {
            true => RecordingFile::Packed(GzEncoder::new(file, Compression::fast())),
            false => RecordingFile::Plain(file),
        };
        let line = serde_json::to_vec(header).map_err(|error| file_error(error.into()))?;
        let mut writer = Self { path: path.to_owned(), to, line, written: 0, last: None };
        writer.line.push(b'\n');
        writer.write_line()?;
        writer.flush()?;
        Ok(writer)
    }

    /// Returns the offset of the last record.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.last
    }

    /// Returns the number of records.
    #[must_use]
    pub fn added(&self) -> u64 {
        self.written
    }

    /// Adds a record, which is in the file after the next [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// If the file cannot be written. It keeps the previous records.
    pub fn add(&mut self, record: &Record) -> Result<(), RecordingError> {
        write_line(record, &mut self.line);
        self.write_line()?;
        self.written += 1;
        self.last = record.offset.or(self.last);
        Ok(())
    }

    fn write_line(&mut self) -> Result<(), RecordingError> {
        let written = self.to.writer().write_all(&self.line);
        self.line.clear();
        written.map_err(|error| file_error(&self.path, &error))
    }

    /// Writes the added records, which then survive the process.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn flush(&mut self) -> Result<(), RecordingError> {
        self.to.writer().flush().map_err(|error| file_error(&self.path, &error))
    }

    /// Finishes the file, which then survives a loss of power. Returns the number of records.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn finish(self) -> Result<u64, RecordingError> {
        let Self { path, to, written, .. } = self;
        to.finish().map_err(|error| file_error(&path, &error))?;
        Ok(written)
    }
}

fn file_error(path: &Path, error: &io::Error) -> RecordingError {
    RecordingError::of(path, format!(": {error}"))
}

impl fmt::Debug for RecordingWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingWriter").field("path", &self.path).finish_non_exhaustive()
    }
}
