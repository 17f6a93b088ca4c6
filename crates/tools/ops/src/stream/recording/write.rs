//! Writes a recording that stays usable, and can be continued, if the process dies.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use crate::stream::record::Record;
use crate::stream::recording::error::RecordingError;
use crate::stream::recording::file_lock::lock_file;
use crate::stream::recording::header::RecordingHeader;
use crate::stream::recording::line::{read_line, write_line};
use crate::stream::recording::lines::{is_packed, is_packed_by_name};

/// The bytes written, or packed, together.
const BLOCK: usize = 256 * 1024;

const BEGIN: [u8; 3] = [0x1f, 0x8b, 8];
/// Where no whole block is: a cut, or damaged content.
const NO_BLOCK: [ErrorKind; 3] =
    [ErrorKind::UnexpectedEof, ErrorKind::InvalidInput, ErrorKind::InvalidData];
/// The maximum number of bytes cut off a damaged packed file. Before a loss of power a machine has not written more.
const TAIL: u64 = 64 * 1024 * 1024;

/// Writes records to a file.
pub struct RecordingWriter {
    path: PathBuf,
    file: File,
    packed: bool,
    lines: Vec<u8>,
    waiting: u64,
    written: u64,
    length: u64,
    last: Option<u64>,
}

impl RecordingWriter {
    /// Creates a file, which must not exist. It is packed on request or if its name ends with `.gz`. Only its owner can
    /// read it, because bodies may be confidential.
    ///
    /// # Errors
    ///
    /// If the file exists or cannot be written.
    pub fn create(
        path: &Path,
        header: &RecordingHeader,
        packed: bool,
    ) -> Result<Self, RecordingError> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|error| file_error(path, error))?;
        // Two writers would write at the same place.
        lock_file(&file).map_err(|error| file_error(path, error))?;
        let packed = packed || is_packed_by_name(path);
        let mut writer = Self::on(path, file, packed, 0, None);
        let line = serde_json::to_vec(header).map_err(|error| file_error(path, error.into()))?;
        writer.lines = line;
        writer.lines.push(b'\n');
        match writer.flush() {
            Ok(()) => Ok(writer),
            Err(RecordingError::Full { error, .. }) => {
                std::fs::remove_file(path).ok();
                Err(file_error(path, error))
            }
            Err(error) => Err(error),
        }
    }

    /// Continues a file, whose incomplete end is cut off. Also returns the header and the last record.
    ///
    /// # Errors
    ///
    /// If the file is no recording, cannot be written, or another process writes to it.
    pub fn append(path: &Path) -> Result<(Self, RecordingHeader, Option<Record>), RecordingError> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        let mut file = file.map_err(|error| file_error(path, error))?;
        lock_file(&file).map_err(|error| file_error(path, error))?;
        let packed = is_packed(&mut file).map_err(|error| file_error(path, error))?;
        let mut whole = CompleteLines::default();
        let scanned = if packed { whole.scan_packed(&mut file) } else { whole.scan(&mut file) };
        scanned.map_err(|error| file_error(path, error))?;
        let foreign = |reason: &str| RecordingError::Foreign {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let header = whole.header.ok_or_else(|| match whole.length {
            0 if packed => foreign(
                "it has no whole part, because it was packed in one piece and cut off. Unpack it \
                 (gzip -dc), and go on with that file",
            ),
            _ => foreign("its first line is no header"),
        })?;
        if let Some(reason) = header.problem() {
            return Err(foreign(&reason));
        }
        let last = match &whole.last[..] {
            [] => None,
            line => {
                let line = std::str::from_utf8(line).map_err(|_| foreign("it is not UTF-8"))?;
                Some(read_line(line).map_err(|reason| foreign(&reason))?)
            }
        };
        let offset = last.as_ref().and_then(|last| last.offset);
        let writer = file.set_len(whole.length).and_then(|()| {
            file.seek(SeekFrom::End(0))?;
            Ok(Self::on(path, file, packed, whole.length, offset))
        });
        Ok((writer.map_err(|error| file_error(path, error))?, header, last))
    }

    fn on(path: &Path, file: File, packed: bool, length: u64, last: Option<u64>) -> Self {
        let path = path.to_owned();
        Self { path, file, packed, lines: Vec::new(), waiting: 0, written: 0, length, last }
    }

    /// Returns the offset of the last record.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.last
    }

    /// Returns the number of records that this writer has added.
    #[must_use]
    pub fn added(&self) -> u64 {
        self.written + self.waiting
    }

    /// Adds a record, which is in the file after the next [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// If the file cannot be written. It keeps the previous records.
    pub fn add(&mut self, record: &Record) -> Result<(), RecordingError> {
        write_line(record, &mut self.lines);
        self.waiting += 1;
        self.last = record.offset.or(self.last);
        if self.lines.len() >= BLOCK { self.flush() } else { Ok(()) }
    }

    /// Writes the added records, which then survive the process.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn flush(&mut self) -> Result<(), RecordingError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let wrote = if self.packed {
            // Each block can be read alone, and a file continued after the last one.
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(&self.lines).and_then(|()| packer.finish()).and_then(|packed| {
                self.file.write_all(&packed)?;
                Ok(packed.len())
            })
        } else {
            self.file.write_all(&self.lines).map(|()| self.lines.len())
        };
        match wrote {
            Ok(bytes) => {
                self.length += bytes as u64;
                self.written += self.waiting;
                self.waiting = 0;
                self.lines.clear();
                Ok(())
            }
            Err(error) => {
                self.keep_whole_lines();
                let (path, written) = (self.path.clone(), self.written);
                Err(RecordingError::Full { path, error, written })
            }
        }
    }

    /// Cuts off the rest of a failed write. Readers stop before it anyway.
    fn keep_whole_lines(&mut self) {
        if let Ok(end) = self.file.stream_position()
            && !self.packed
        {
            let wrote = usize::try_from(end.saturating_sub(self.length)).unwrap_or_default();
            let wrote = &self.lines[..wrote.min(self.lines.len())];
            let whole = wrote.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            self.length += whole as u64;
            self.written += wrote.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        self.lines.clear();
        self.file.set_len(self.length).ok();
    }

    /// Finishes the file, which then survives a loss of power.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn finish(mut self) -> Result<u64, RecordingError> {
        self.flush()?;
        self.file.sync_all().map_err(|error| file_error(&self.path, error))?;
        Ok(self.written)
    }
}

impl fmt::Debug for RecordingWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingWriter").field("path", &self.path).finish_non_exhaustive()
    }
}

fn file_error(path: &Path, error: io::Error) -> RecordingError {
    RecordingError::File { path: path.to_owned(), error }
}

#[derive(Default)]
struct CompleteLines {
    header: Option<RecordingHeader>,
    last: Vec<u8>,
    length: u64,
}

impl CompleteLines {
    fn scan(&mut self, file: &mut File) -> io::Result<()> {
        let mut from = BufReader::with_capacity(1 << 17, file);
        self.lines(&mut from)
    }

    fn lines(&mut self, from: &mut dyn BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            from.read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                return Ok(());
            }
            self.length += line.len() as u64;
            line.pop();
            match &self.header {
                Some(_) => std::mem::swap(&mut self.last, &mut line),
                None => match serde_json::from_slice(&line) {
                    Ok(header) => self.header = Some(header),
                    Err(_) => return Ok(()),
                },
            }
        }
    }

    /// Finds the complete blocks. The rest can be cut off, unless it has further blocks.
    fn scan_packed(&mut self, file: &mut File) -> io::Result<()> {
        let mut from = BufReader::with_capacity(1 << 17, &mut *file);
        let damage = loop {
            if from.fill_buf()?.is_empty() {
                return Ok(());
            }
            let mut unpacked = Vec::new();
            let mut packed = GzDecoder::new(from);
            match packed.read_to_end(&mut unpacked) {
                Ok(_) => {}
                Err(error) if NO_BLOCK.contains(&error.kind()) => break error,
                Err(error) => return Err(error),
            }
            from = packed.into_inner();
            let end = from.stream_position()?;
            self.lines(&mut &unpacked[..])?;
            self.length = end;
        };
        let mut rest = Vec::new();
        file.seek(SeekFrom::Start(self.length))?;
        Read::take(&mut *file, TAIL).read_to_end(&mut rest)?;
        let is_long = rest.len() as u64 == TAIL && damage.kind() != ErrorKind::UnexpectedEof;
        if is_long || has_block(&rest) {
            let why = format!(
                "{damage} at byte {}, which is not at its end: what is before that can be used, once it is cut off there",
                self.length
            );
            return Err(io::Error::new(damage.kind(), why));
        }
        Ok(())
    }
}

/// Whether a complete block follows a damaged one.
fn has_block(rest: &[u8]) -> bool {
    let begins = (1..rest.len()).filter(|at| rest[*at..].starts_with(&BEGIN));
    begins
        .map(|at| io::copy(&mut GzDecoder::new(&rest[at..]), &mut io::sink()))
        .any(|unpacked| unpacked.is_ok())
}
