//! Reads a recording, record by record.

use std::fmt;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use crate::record::Record;
use crate::recording::error::RecordingError;
use crate::recording::header::RecordingHeader;
use crate::recording::line::read_line;
use crate::recording::lines::{self, NextLine};
use crate::recording::rabtap::{self, RabtapError};

/// The place where a recording was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutPoint {
    /// The number of the incomplete line.
    pub line: u64,
}

/// The records of a file, one at a time.
pub struct Recording {
    path: PathBuf,
    header: Option<RecordingHeader>,
    cut: Option<CutPoint>,
    records: RecordSource,
}

enum RecordSource {
    Ours { from: Box<dyn BufRead + Send>, line: u64, buffer: Vec<u8> },
    Rabtap(Box<dyn Iterator<Item = Result<Record, RabtapError>> + Send>),
    Ended,
}

impl Recording {
    /// Opens a file of `ballet record`, or the output of rabtap: a file, or a folder of files.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or has another format.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let path = path.to_owned();
        let file_error = |error| RecordingError::File { path: path.clone(), error };
        let foreign = |reason: String| RecordingError::Foreign { path: path.clone(), reason };
        if path.is_dir() {
            let saved = Box::new(rabtap::folder(&path).map_err(file_error)?);
            return Ok(Self {
                path,
                header: None,
                cut: None,
                records: RecordSource::Rabtap(saved),
            });
        }
        let mut from = lines::open(&path).map_err(file_error)?;
        let mut buffer = Vec::new();
        let first = lines::next(&mut *from, &mut buffer).map_err(file_error)?;
        if let Ok(header) = serde_json::from_slice::<RecordingHeader>(&buffer) {
            if let Some(reason) = header.problem() {
                return Err(foreign(reason));
            }
            let records = match first {
                NextLine::Line => RecordSource::Ours { from, line: 1, buffer },
                NextLine::End { .. } => RecordSource::Ended,
            };
            return Ok(Self { path, header: Some(header), cut: None, records });
        }
        if buffer.is_empty() && first != NextLine::Line {
            return Err(foreign("it is empty".to_owned()));
        }
        let mut saved = rabtap::file(lines::open(&path).map_err(file_error)?).peekable();
        match saved.peek() {
            Some(Ok(_)) => {}
            Some(Err(problem)) => return Err(foreign(problem.reason.clone())),
            None => return Err(foreign("it is empty".to_owned())),
        }
        let records = RecordSource::Rabtap(Box::new(saved));
        Ok(Self { path, header: None, cut: None, records })
    }

    /// Returns its first line. Files of rabtap have none.
    #[must_use]
    pub fn header(&self) -> Option<&RecordingHeader> {
        self.header.as_ref()
    }

    /// Returns the place where it is cut off, once all records are read.
    #[must_use]
    pub fn cut(&self) -> Option<CutPoint> {
        self.cut
    }

    fn read(&mut self) -> Result<Option<Record>, RecordingError> {
        let path = &self.path;
        let wrong = |line, reason| RecordingError::Line { path: path.clone(), line, reason };
        match &mut self.records {
            RecordSource::Ours { from, line, buffer } => {
                *line += 1;
                match lines::next(&mut **from, buffer) {
                    Ok(NextLine::Line) => {}
                    Ok(NextLine::End { left }) => {
                        self.cut = (left > 0).then_some(CutPoint { line: *line });
                        return Ok(None);
                    }
                    Err(error) => return Err(wrong(*line, error.to_string())),
                }
                let text = std::str::from_utf8(buffer);
                let text = text.map_err(|_| wrong(*line, "it is not UTF-8".to_owned()))?;
                read_line(text).map(Some).map_err(|reason| {
                    wrong(*line, format!("{reason}; without this line the rest can be used"))
                })
            }
            RecordSource::Rabtap(saved) => match saved.next() {
                Some(Ok(record)) => Ok(Some(record)),
                Some(Err(RabtapError { line: Some(line), is_cut: true, .. })) => {
                    self.cut = Some(CutPoint { line });
                    Ok(None)
                }
                Some(Err(RabtapError { line: Some(line), reason, .. })) => Err(wrong(line, reason)),
                Some(Err(RabtapError { reason, .. })) => {
                    Err(RecordingError::Foreign { path: path.clone(), reason })
                }
                None => Ok(None),
            },
            RecordSource::Ended => Ok(None),
        }
    }
}

impl Iterator for Recording {
    type Item = Result<Record, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read().transpose();
        if !matches!(read, Some(Ok(_))) {
            self.records = RecordSource::Ended;
        }
        read
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("path", &self.path).finish_non_exhaustive()
    }
}
