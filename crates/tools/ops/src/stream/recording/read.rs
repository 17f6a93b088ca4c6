//! Reads a recording, record by record.

use std::fmt;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use crate::stream::record::Record;
use crate::stream::recording::error::RecordingError;
use crate::stream::recording::header::RecordingHeader;
use crate::stream::recording::line::read_line;
use crate::stream::recording::lines::{self, NextLine};

/// The records of a file, one at a time.
pub struct Recording {
    path: PathBuf,
    header: RecordingHeader,
    cut_line: Option<u64>,
    /// The rest of the file, until it has ended.
    rest: Option<RestOfFile>,
}

struct RestOfFile {
    from: Box<dyn BufRead + Send>,
    /// The number of the last line that was read.
    line: u64,
    buffer: Vec<u8>,
}

impl Recording {
    /// Opens a file of `ballet record`.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or has another format.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let path = path.to_owned();
        let file_error = |error: io::Error| RecordingError::of(&path, format!(": {error}"));
        let foreign = |reason: String| {
            let why = format!(" is no recording: {reason}; expected a file of `ballet record`");
            RecordingError::of(&path, why)
        };
        let mut from = lines::open(&path).map_err(file_error)?;
        let mut buffer = Vec::new();
        let first = lines::next(&mut *from, &mut buffer).map_err(file_error)?;
        if buffer.is_empty() && first != NextLine::Line {
            return Err(foreign("it is empty".to_owned()));
        }
        let header = serde_json::from_slice::<RecordingHeader>(&buffer);
        let header = header.map_err(|error| foreign(format!("its first line: {error}")))?;
        if let Some(reason) = header.problem() {
            return Err(foreign(reason));
        }
        let has_more = first == NextLine::Line;
        let rest = has_more.then_some(RestOfFile { from, line: 1, buffer });
        Ok(Self { path, header, cut_line: None, rest })
    }

    /// Returns its first line.
    #[must_use]
    pub fn header(&self) -> &RecordingHeader {
        &self.header
    }

    /// Returns the number of the line that is cut off, once all records are read.
    #[must_use]
    pub fn cut_line(&self) -> Option<u64> {
        self.cut_line
    }

    fn read(&mut self) -> Result<Option<Record>, RecordingError> {
        let Some(RestOfFile { from, line, buffer }) = &mut self.rest else { return Ok(None) };
        *line += 1;
        let (path, line) = (&self.path, *line);
        let wrong = |reason: String| RecordingError::of(path, format!(", line {line}: {reason}"));
        match lines::next(&mut **from, buffer) {
            Ok(NextLine::Line) => {}
            Ok(NextLine::End { left }) => {
                self.cut_line = (left > 0).then_some(line);
                return Ok(None);
            }
            Err(error) => return Err(wrong(error.to_string())),
        }
        let text = std::str::from_utf8(buffer);
        let text = text.map_err(|_| wrong("it is not UTF-8".to_owned()))?;
        let record = read_line(text)
            .map_err(|reason| wrong(format!("{reason}; without this line the rest can be used")))?;
        Ok(Some(record))
    }
}

impl Iterator for Recording {
    type Item = Result<Record, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read().transpose();
        if !matches!(read, Some(Ok(_))) {
            self.rest = None;
        }
        read
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("path", &self.path).finish_non_exhaustive()
    }
}
