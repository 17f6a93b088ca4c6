//! Writes a recording. If the process dies, the file can still be used and continued.

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

/// The bytes of lines that are written at once. In a packed file they are packed together.
const BLOCK: usize = 256 * 1024;

/// The first bytes of a packed block.
const BEGIN: [u8; 3] = [0x1f, 0x8b, 8];
/// The errors of a read where no whole block is: a cut, or damaged content.
const NO_BLOCK: [ErrorKind; 3] =
    [ErrorKind::UnexpectedEof, ErrorKind::InvalidInput, ErrorKind::InvalidData];
/// The maximum number of bytes that are cut off a damaged packed file. A machine that loses power has not written more.
const TAIL: u64 = 64 * 1024 * 1024;

/// Writes records to a file.
pub struct RecordingWriter {
    path: PathBuf,
    file: File,
    packed: bool,
    lines: Vec<u8>,
    /// The number of records in `lines`.
    waiting: u64,
    written: u64,
    /// The length of the complete content.
    length: u64,
    last: Option<u64>,
}

impl RecordingWriter {
    /// Creates a file, which must not exist. It is packed if requested, or if its name ends with `.gz`. Only its
    /// owner can read it, because bodies may be confidential.
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
                // A file without a header is useless.
                std::fs::remove_file(path).ok();
                Err(file_error(path, error))
            }
            Err(error) => Err(error),
        }
    }

    /// Continues a file. An incomplete end is cut off. Returns the header and the last record, too.
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

    /// Adds a record. It is in the file after the next [`flush`](Self::flush) at the latest.
    ///
    /// # Errors
    ///
    /// If the file cannot be written. It stays usable up to the previous record.
    pub fn add(&mut self, record: &Record) -> Result<(), RecordingError> {
        write_line(record, &mut self.lines);
        self.waiting += 1;
        self.last = record.offset.or(self.last);
        if self.lines.len() >= BLOCK { self.flush() } else { Ok(()) }
    }

    /// Writes the added records. A process that dies afterwards loses none of them.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn flush(&mut self) -> Result<(), RecordingError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let wrote = if self.packed {
            // Each block can be read by itself, and a file can be continued after the last.
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

    /// Cuts off an incomplete end after a failed write. If that fails, too, readers stop before it.
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

/// The complete lines of a file that may be cut off.
#[derive(Default)]
struct CompleteLines {
    header: Option<RecordingHeader>,
    /// The last line after the header.
    last: Vec<u8>,
    length: u64,
}

impl CompleteLines {
    fn scan(&mut self, file: &mut File) -> io::Result<()> {
        let mut from = BufReader::with_capacity(1 << 17, file);
        self.lines(&mut from)
    }

    /// Adds the complete lines of these bytes.
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

    /// Finds the complete blocks. The rest can be cut off; if it contains further blocks, this fails.
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

/// Whether there is a complete block behind the begin of a damaged one.
fn has_block(rest: &[u8]) -> bool {
    let begins = (1..rest.len()).filter(|at| rest[*at..].starts_with(&BEGIN));
    begins
        .map(|at| io::copy(&mut GzDecoder::new(&rest[at..]), &mut io::sink()))
        .any(|unpacked| unpacked.is_ok())
}
